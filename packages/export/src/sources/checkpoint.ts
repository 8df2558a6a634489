import type { GgmlTypeName, GgufValue } from '@flux-srpo/formats';
import type { Component } from '../key-maps/namings.ts';
import type { Companion } from '../tensors/apply-scales.ts';
import type { Numbers } from '../tensors/numbers.ts';
import type { TensorDescription } from '../tensors/tensor-store.ts';

/** The tensors of one component, over however many files it has. */
export interface Checkpoint {
  readonly component: Component;
  /** Paths of the files, for the manifest. */
  readonly files: readonly string[];
  /** Who names tensors like this file: `diffusers`, `Black Forest Labs`. */
  readonly naming: string;
  /** By name, without the prefix of a file with several networks. */
  readonly tensors: ReadonlyMap<string, TensorDescription>;
  /** Tensors that are no weights: they say how other tensors are stored. */
  readonly companions: readonly Companion[];
  /** Full names of the tensors that belong to other networks. */
  readonly foreign: readonly string[];
  /** Prefix of this component's tensors in its file. */
  readonly prefix: string;
  /** Metadata of its first file; only of GGUF. */
  readonly values: ReadonlyMap<string, GgufValue>;
  /** Throws for a dtype that does not widen to float32 exactly. */
  checkDtype(tensor: string): void;
  /**
   * Rows `start` up to `end` of a tensor.
   * @param rowLength elements of one row
   * @returns [end − start, rowLength], in memory that later reads use again: see {@link ReadMemory}
   */
  readRows(tensor: string, rowLength: number, start: number, end: number, signal?: AbortSignal): Promise<Numbers>;
  /** The tensor's ggml type; undefined in files without ggml's blocks. */
  blockType(tensor: string): GgmlTypeName | undefined;
  /**
   * Rows of a tensor as ggml's blocks, in the memory of {@link Checkpoint.readRows}. A row must be
   * whole blocks.
   */
  readBlockRows(
    tensor: string,
    rowLength: number,
    start: number,
    end: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array>;
  close(): Promise<void>;
}
