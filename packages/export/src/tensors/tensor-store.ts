import { FormatError } from '@flux-srpo/core';
import type { Bytes, GgmlTypeName, GgufValue } from '@flux-srpo/formats';
import { type Numbers, toFloat32 } from './numbers.ts';
import type { ReadMemory } from './read-memory.ts';

export interface TensorDescription {
  /** A safetensors dtype or a ggml type. */
  readonly dtype: string;
  /** Outermost first. */
  readonly shape: readonly number[];
}

/** The tensors of one open file, whatever its format. */
export interface TensorStore {
  readonly format: 'safetensors' | 'gguf';
  readonly tensors: ReadonlyMap<string, TensorDescription>;
  /** The file's metadata; only the texts of a GGUF file. */
  readonly metadata: ReadonlyMap<string, string>;
  /** All metadata of a GGUF file. Absent for other files. */
  readonly values?: ReadonlyMap<string, GgufValue>;
  /** Undefined where the tensor widens to float32 exactly; else the dtypes that would. */
  unreadable(name: string): readonly string[] | undefined;
  /**
   * Whether {@link readNumbers} can give the nearest float32 of a tensor that does not widen
   * exactly.
   */
  roundable(name: string): boolean;
  /**
   * Numbers `start` up to `end` of a tensor, row-major. Only the bytes that hold them are read.
   * @param memory may hold the result, which is valid until that memory is used again
   */
  readNumbers(name: string, start: number, end: number, signal?: AbortSignal, memory?: ReadMemory): Promise<Numbers>;
  /** ggml's quantized blocks; absent in other files. Ranges count values, in whole blocks. */
  readonly blocks?: {
    readonly typeOf: (name: string) => GgmlTypeName;
    readonly read: (
      name: string,
      start: number,
      end: number,
      signal?: AbortSignal,
      memory?: ReadMemory,
    ) => Promise<Bytes>;
  };
  /** All bytes of a tensor, as the file has them. */
  readBytes(name: string, signal?: AbortSignal): Promise<Bytes>;
}

/** Values `start` up to `end` of a tensor as float32, row-major. */
export async function readValues(
  store: TensorStore,
  name: string,
  start: number,
  end: number,
  signal?: AbortSignal,
): Promise<Float32Array> {
  return toFloat32(await store.readNumbers(name, start, end, signal));
}

/** Throws for a tensor that does not widen to float32 exactly. `what` names it in the message. */
export function requireReadable(
  store: TensorStore,
  tensor: string,
  what: string,
  details: Readonly<Record<string, string>>,
): void {
  const expected = store.unreadable(tensor);
  if (expected === undefined) return;
  const got = store.tensors.get(tensor)!.dtype;
  throw new FormatError(`${what} must be ${expected.join(', ')}, got ${got}; use another file of this model`, {
    code: 'format/dtype-unsupported',
    details: { ...details, tensor, expected, got },
  });
}
