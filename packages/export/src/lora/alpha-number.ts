import { readValues, type TensorStore } from '../tensors/tensor-store.ts';

/** Dtypes that only an alpha has: trainers save Python's number as whatever tensor it makes. */
const OTHER_NUMBERS: Readonly<Record<string, (view: DataView) => number>> = {
  F64: (view) => view.getFloat64(0, true),
  I64: (view) => Number(view.getBigInt64(0, true)),
  I32: (view) => view.getInt32(0, true),
};

/** Whether an alpha can have a dtype that weights cannot. */
export function isOtherNumber(dtype: string): boolean {
  return Object.hasOwn(OTHER_NUMBERS, dtype);
}

/** The one number of a tensor, whatever its dtype. */
export async function readNumber(store: TensorStore, tensor: string, signal?: AbortSignal): Promise<number> {
  const { dtype } = store.tensors.get(tensor)!;
  if (!isOtherNumber(dtype)) return (await readValues(store, tensor, 0, 1, signal))[0]!;
  const { buffer, byteOffset } = await store.readBytes(tensor, signal);
  return OTHER_NUMBERS[dtype]!(new DataView(buffer, byteOffset));
}
