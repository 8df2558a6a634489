import { FormatError } from '@flux-srpo/core';
import { showName } from '../show-name.ts';
import type { GgufCursor } from './gguf-cursor.ts';
import type { GgufValue } from './gguf-metadata.ts';
import type { GgufTensorInfo } from './gguf-tensors.ts';

const PREFIX = 'comfy.gguf.orig_shape.';

/**
 * The tensors with the shapes that they had before their converter cut them into rows of whole
 * blocks: the numbers are in the same order. The file has these shapes outermost first.
 * @see https://github.com/city96/ComfyUI-GGUF/blob/001ffcf/loader.py `get_orig_shape`
 */
export function originalShapes(
  cursor: GgufCursor,
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: ReadonlyMap<string, GgufTensorInfo>,
): ReadonlyMap<string, GgufTensorInfo> {
  const out = new Map(tensors);
  for (const [key, value] of metadata) {
    const name = key.slice(PREFIX.length);
    const tensor = key.startsWith(PREFIX) ? tensors.get(name) : undefined;
    if (tensor === undefined) continue;
    const shape = dimensions(value);
    if (shape === undefined || product(shape) !== product(tensor.shape)) throw wrong(cursor.name, name, value, tensor);
    out.set(name, { ...tensor, shape });
  }
  return out;
}

/** Undefined unless these are up to 8 positive integers. */
function dimensions(value: GgufValue): number[] | undefined {
  const items = typeof value === 'object' ? value.items?.map(Number) : undefined;
  const isShape = items?.every((item) => Number.isSafeInteger(item) && item > 0) && items.length <= 8;
  return isShape ? items : undefined;
}

function product(shape: readonly number[]): number {
  return shape.reduce((size, dim) => size * dim, 1);
}

function wrong(file: string, tensor: string, value: GgufValue, { shape }: GgufTensorInfo): FormatError {
  const got = typeof value === 'object' ? `[${value.items?.slice(0, 8).join(', ')}]` : String(value);
  return new FormatError(
    `${file}: the original shape of "${showName(tensor)}" must have the ${product(shape)} weights of [${shape.join(', ')}], got ${showName(got)}`,
    { code: 'format/shape-mismatch', details: { name: file, tensor: showName(tensor), shape: [...shape] } },
  );
}
