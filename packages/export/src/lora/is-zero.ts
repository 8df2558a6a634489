import { readValues, type TensorStore } from '../tensors/tensor-store.ts';

export async function someZero(store: TensorStore, tensors: readonly string[], signal?: AbortSignal): Promise<boolean> {
  for (const tensor of tensors) if (await isZero(store, tensor, signal)) return true;
  return false;
}

/** Numbers read at a time. */
const PIECE = 1024 * 1024;

export async function isZero(store: TensorStore, tensor: string, signal?: AbortSignal): Promise<boolean> {
  const count = store.tensors.get(tensor)!.shape.reduce((product, dim) => product * dim, 1);
  for (let at = 0; at < count; at += PIECE) {
    const values = await readValues(store, tensor, at, Math.min(at + PIECE, count), signal);
    if (values.some((value) => value !== 0)) return false;
  }
  return true;
}
