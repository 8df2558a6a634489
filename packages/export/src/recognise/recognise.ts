import { InputError, isFluxError } from '@flux-srpo/core';
import type { ByteSource } from '@flux-srpo/formats';
import type { TensorStore } from '../tensors/tensor-store.ts';
import { KINDS, type Kind, type Marks } from './kinds.ts';

/** Enough for every mark at a file's beginning. */
export const FIRST_BYTES = 512;

/** Metadata that say what a model is: modelspec's of safetensors, and GGUF's. */
const TITLES = ['modelspec.title', 'modelspec.architecture', 'general.name', 'general.basename'];

/** Throws where a file holds no tensors at all, by its first bytes. */
export function refuseOtherBytes(name: string, first: Uint8Array): void {
  const text = String.fromCharCode(...first.subarray(0, FIRST_BYTES));
  refuseKind(name, ({ begins }) => (begins?.test(text) ? text.slice(0, 16) : undefined));
}

/** Throws where a network's file is of another network, or has weights of an unknown form. */
export function refuseOtherNetwork(path: string, store: Pick<TensorStore, 'tensors' | 'metadata'>): void {
  const names = [...store.tensors.keys()];
  const dtypes = new Map([...store.tensors].map(([name, { dtype }]) => [dtype, name]));
  const titles = [path.split('/').pop()!, ...TITLES.map((key) => store.metadata.get(key) ?? '')];
  refuseKind(path, ({ tensor, columns, dtype, title }) => {
    const named = tensor && names.find((name) => tensor.test(name));
    const wide = columns && names.find((name) => isInput(name, columns, store.tensors.get(name)!.shape));
    return named ?? wide ?? (dtype && dtypes.get(dtype)) ?? (title && titles.find((text) => title.test(text)));
  });
}

/** Throws where a LoRA is for another network, or is no sum of products. */
export function refuseOtherLora(name: string, tensors: Iterable<string>): void {
  const names = [...tensors];
  refuseKind(name, ({ lora }) => lora && names.find((tensor) => lora.test(tensor)));
}

/** Throws where a folder is another pipeline that is known. */
export function refuseOtherPipeline(path: string, className: unknown): void {
  refuseKind(path, ({ pipelines }) => pipelines?.find((pipeline) => pipeline === className));
}

/** A file that ends before its header says it does. */
export function cutShort(error: unknown, { name, size }: ByteSource): unknown {
  if (!isFluxError(error, 'format/truncated')) return error;
  const what = size === 0 ? 'empty' : `cut short at ${size} bytes: its header names more`;
  return new InputError(`${name} is ${what}; download it again`, {
    code: 'input/file-unsupported',
    details: { ...error.details, name, kind: 'cut-short' },
    cause: error,
  });
}

function isInput(name: string, { tensors, count }: NonNullable<Marks['columns']>, shape: readonly number[]): boolean {
  return shape[1] === count && tensors.some((tensor) => name === tensor || name.endsWith(`.${tensor}`));
}

/** @param find the mark of a kind in the file, if it has it */
function refuseKind(name: string, find: (marks: Marks) => string | undefined): void {
  for (const kind of KINDS) {
    const mark = find(kind.marks);
    if (mark !== undefined) throw unsupported(name, kind, mark);
  }
}

/** Refuses a file as one of a kind, where only its reader can tell. */
export function refuseAs(kind: string, name: string, mark: string): never {
  throw unsupported(name, KINDS.find((each) => each.kind === kind)!, mark);
}

function unsupported(name: string, { kind, what, instead }: Kind, mark: string): InputError {
  return new InputError(`${name} is ${what}; ${instead}`, {
    code: 'input/file-unsupported',
    details: { name, kind, mark: mark.slice(0, 120) },
  });
}
