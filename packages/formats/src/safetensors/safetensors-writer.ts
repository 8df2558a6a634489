import { FormatError } from '@flux-srpo/core';
import { DTYPE_BITS, type Dtype, tensorBytes } from '../numbers/dtype.ts';
import type { ByteSink } from '../sources/byte-sink.ts';
import { MAX_HEADER_BYTES } from './safetensors-header.ts';

export interface TensorSpec {
  name: string;
  dtype: Dtype;
  /** Outermost first. */
  shape: readonly number[];
}

/** A tensor's bytes, little-endian and row-major, whole or in pieces. */
export type TensorData = Uint8Array | Promise<Uint8Array> | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** The layout of a file before it is written. */
export interface SafetensorsLayout<Spec extends TensorSpec = TensorSpec> {
  /** Length and JSON, padded to 8 bytes. */
  header: Uint8Array<ArrayBuffer>;
  /** In file order, the reference's: widest dtype first, then by name (UTF-16 order). */
  tensors: { spec: Spec; bytes: number }[];
  /** Bytes of the file. */
  size: number;
}

/**
 * Plans a file. The same tensors and metadata give the same bytes, in any order.
 * @see https://github.com/huggingface/safetensors/blob/24b0b28/safetensors/src/tensor.rs `prepare`
 */
export function planSafetensors<Spec extends TensorSpec>(
  specs: readonly Spec[],
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsLayout<Spec> {
  const tensors = specs
    .map((spec) => ({ spec, bytes: checkedBytes(spec) }))
    .sort((a, b) => DTYPE_BITS[b.spec.dtype] - DTYPE_BITS[a.spec.dtype] || compare(a.spec.name, b.spec.name));

  const entries: [string, unknown][] = [];
  const keys = Object.keys(metadata).sort(compare);
  if (keys.length > 0) entries.push(['__metadata__', Object.fromEntries(keys.map((key) => [key, metadata[key]]))]);
  const names = new Set(['__metadata__']);
  let at = 0;
  for (const { spec, bytes } of tensors) {
    if (names.has(spec.name))
      throw invalid(`tensor names must differ and not be "__metadata__", got "${spec.name}" again`);
    names.add(spec.name);
    entries.push([spec.name, { dtype: spec.dtype, shape: spec.shape, data_offsets: [at, at + bytes] }]);
    at += bytes;
  }
  const header = encodeHeader(entries);
  return { header, tensors, size: header.length + at };
}

/**
 * Writes a file in one pass: the header, then each tensor as `data` gives it. One piece is in
 * memory at a time. The caller closes the sink. After an error the sink does not hold a whole file.
 * @param data called once per tensor, in file order
 * @returns bytes written
 */
export async function writeSafetensors<Spec extends TensorSpec>(
  sink: ByteSink,
  specs: readonly Spec[],
  data: (spec: Spec) => TensorData,
  metadata?: Readonly<Record<string, string>>,
): Promise<number> {
  const layout = planSafetensors(specs, metadata);
  await sink.write(layout.header);
  for (const { spec, bytes } of layout.tensors) {
    let got = 0;
    for await (const piece of pieces(data(spec))) {
      got += piece.length;
      // Stops at the first byte too many: it would shift every tensor behind it.
      if (got > bytes) break;
      await sink.write(piece);
    }
    if (got !== bytes)
      throw invalid(`tensor "${spec.name}" must have ${bytes} bytes, got ${got > bytes ? 'more' : got}`);
  }
  return layout.size;
}

async function* pieces(data: TensorData): AsyncIterable<Uint8Array> {
  const value = await data;
  if (value instanceof Uint8Array) yield value;
  else yield* value;
}

/** Takes pairs: an object would move numeric names to the front and drop `__proto__`. */
function encodeHeader(entries: readonly [string, unknown][]): Uint8Array<ArrayBuffer> {
  const json = `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
  const text = new TextEncoder().encode(json);
  const length = Math.ceil(text.length / 8) * 8;
  if (length > MAX_HEADER_BYTES) throw invalid(`the header must have up to ${MAX_HEADER_BYTES} bytes, got ${length}`);
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(text, 8);
  return header;
}

function checkedBytes({ name, dtype, shape }: TensorSpec): number {
  const bytes = tensorBytes(dtype, shape);
  if (typeof bytes === 'number' && shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) return bytes;
  throw invalid(`tensor "${name}" must have a whole number of bytes, got ${dtype} [${shape.join(', ')}]`);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function invalid(message: string): FormatError {
  return new FormatError(message, { code: 'format/shape-mismatch' });
}
