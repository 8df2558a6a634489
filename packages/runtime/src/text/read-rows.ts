import { FormatError, ModelError } from '@flux-srpo/core';
import { type Safetensors, widen } from '@flux-srpo/formats';

/**
 * Reads rows of an embedding table without loading the table.
 * @param width of a row, which the table must have
 * @param ids row numbers, in order, repeats allowed
 * @returns [ids.length, width]
 */
export async function readRows(
  file: Safetensors,
  tensor: string,
  width: number,
  ids: readonly number[],
  signal?: AbortSignal,
): Promise<Float32Array> {
  const info = file.info(tensor);
  const [rows = 0, ...others] = info.shape;
  if (others.length !== 1 || others[0] !== width) {
    throw new FormatError(
      `the table ${tensor} must be [rows, ${width}], got [${info.shape}]; convert the model again`,
      {
        code: 'format/shape-mismatch',
        details: { tensor, expected: width, got: info.shape },
      },
    );
  }
  const rowBytes = info.bytes / rows;
  const out = new Float32Array(ids.length * width);
  const cache = new Map<number, Float32Array>();
  for (const [i, id] of ids.entries()) {
    if (!(Number.isInteger(id) && id >= 0 && id < rows)) {
      throw new ModelError(
        `token ids of ${tensor} must be below its ${rows} rows, got ${id}; convert with the model's own tokenizer`,
        {
          code: 'model/tokenizer-invalid',
          details: { tensor, id, rows },
        },
      );
    }
    let row = cache.get(id);
    if (!row) {
      row = widen(info.dtype, await file.readRange(tensor, id * rowBytes, rowBytes, signal));
      cache.set(id, row);
    }
    out.set(row, i * width);
  }
  return out;
}
