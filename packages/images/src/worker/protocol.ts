import type { Manifest, Precision, Progress, WireError } from '@flux-srpo/core';
import type { GenerateRequest, Preview, Timings } from '@flux-srpo/runtime';
import type { ModelFacts } from '../wire/model.ts';

/** What crosses the worker boundary: plain data only. Buffers are transferred, not copied. */

export type LocalBackend = 'webgpu' | 'wasm';

export interface LoadInput {
  /** Absolute URL of the bundle's folder, or `opfs:<id>`. */
  model: string;
  /** In order of preference: the next is for machines that cannot do the one before. */
  backends: readonly [LocalBackend, ...LocalBackend[]];
  /** Whether its files are to stay in the browser's storage. */
  keep: boolean;
  wasmUrl?: string;
  /** Bytes of device memory for weights that stay between pictures. */
  memoryBudget?: number;
  /** What WebGPU computes in. */
  precision?: 'auto' | Precision;
}

/** The loaded bundle, and what computes it. */
export interface LocalModel extends ModelFacts {
  /** Human name, one line. */
  name: string;
  licence: Manifest['licence'];
  examples: string[];
  backend: LocalBackend;
  /** Whether all its files are in the browser's storage, so that generating needs no network. */
  isKept: boolean;
  /** Why it is not WebGPU; absent where it is, or was not asked for. */
  fallback?: WireError;
}

export interface GenerateOutput {
  /** One PNG file per picture, its settings inside. A withheld picture is empty. */
  files: Uint8Array<ArrayBuffer>[];
  /** One per picture, where the safety checker ran. */
  flagged?: boolean[];
  seed: number;
  skippedSteps: number;
  /** Prompt tokens that did not fit, by encoder. */
  dropped: { clip: number; t5: number };
  timings: Timings;
}

/** Sent while a call runs. */
export type WorkerEvent = { type: 'progress'; progress: Progress } | { type: 'partial-image'; image: Preview };

/** How an event travels: as a message of its own, beside comlink's, which have an `id`. */
export interface EventMessage {
  call: number;
  event: WorkerEvent;
}

/** Every call gets exactly one of these. Errors travel as data, because structured clone drops their class and code. */
export type Reply<T> = { type: 'result'; value: T } | { type: 'failure'; error: WireError } | { type: 'cancelled' };

/** What the worker offers. `call` is a number the main thread chose, for `cancel` and events. Calls run one after another. */
export interface WorkerApi {
  /** Does nothing but answer when the same bundle is loaded already. */
  load(call: number, input: LoadInput): Promise<Reply<LocalModel>>;
  generate(call: number, input: GenerateRequest): Promise<Reply<GenerateOutput>>;
  /** Gives back what the model holds on the device. */
  unload(call: number): Promise<Reply<null>>;
  cancel(call: number): void;
  /** Answers: how many runs, reads and uploads it has finished so far. Where that stands still, something may hang. */
  ping(): number;
}
