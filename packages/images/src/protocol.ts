import type { ImageSize, Manifest, Progress, SizePreset, WireError } from '@flux-srpo/core';
import type { GenerateRequest, Preview, Timings } from '@flux-srpo/runtime';

/** What crosses the worker boundary: plain data only. Buffers are transferred, not copied. */

export interface LoadInput {
  /** Absolute URL of the bundle's folder. */
  model: string;
  backend: 'auto' | 'webgpu' | 'wasm';
  wasmUrl?: string;
}

/** The loaded bundle, and what computes it. */
export interface LoadedModel {
  /** The `model` field of a request. */
  model: string;
  /** Human name, one line. */
  name: string;
  licence: Manifest['licence'];
  sizes: Record<SizePreset, ImageSize>;
  defaults: Manifest['defaults'];
  examples: string[];
  backend: 'webgpu' | 'wasm';
  /** Why `auto` did not take WebGPU; absent when it did, or when it was not asked. */
  fallback?: WireError;
}

export interface GenerateOutput {
  /** One PNG file per picture, its settings inside. */
  files: Uint8Array<ArrayBuffer>[];
  seed: number;
  timings: Timings;
}

/** Sent while a call runs. */
export type WorkerEvent = { type: 'progress'; progress: Progress } | { type: 'partial-image'; image: Preview };

export type Notify = (event: WorkerEvent) => void;

/** Every call gets exactly one of these. Errors travel as data, because structured clone drops their class and code. */
export type Reply<T> = { type: 'result'; value: T } | { type: 'failure'; error: WireError } | { type: 'cancelled' };

/** What the worker offers. `call` is a number the main thread chose, for `cancel`. Calls run one after another. */
export interface WorkerApi {
  /** Does nothing but answer when the same bundle is loaded already. */
  load(call: number, input: LoadInput): Promise<Reply<LoadedModel>>;
  generate(call: number, input: GenerateRequest, notify: Notify): Promise<Reply<GenerateOutput>>;
  /** Gives back every byte; `load` may follow. */
  unload(call: number): Promise<Reply<null>>;
  cancel(call: number): void;
}
