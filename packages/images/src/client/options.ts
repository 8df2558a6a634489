import { type FluxError, InputError, type Precision, strict } from '@flux-srpo/core';
import { checkOptions as checkRemoteOptions } from '../remote/check-options.ts';
import type { RemoteOptions } from '../remote/index.ts';
import type { LoadInput, LocalBackend } from '../worker/protocol.ts';
import type { Patience } from '../worker/worker-link.ts';

/** Where the model is, what may compute it, and whether a server may. */
export interface FluxSrpoOptions {
  /** URL of a bundle's folder, relative to the page, or `opfs:<id>` of an imported model. Not needed with `backend: 'remote'`. */
  model?: string | URL;
  /**
   * `webgpu` and `wasm` compute here, `remote` on a server. `auto`: WebGPU; where this machine cannot, wasm if it is allowed;
   * where that is not, the server, if one is configured and `fallback` allows it. @default 'auto'
   */
  backend?: 'auto' | LocalBackend | 'remote';
  /** Lets `auto` compute on the CPU, which is slow and private. @default false */
  allowWasm?: boolean;
  /** The server. Without it nothing is ever sent anywhere. */
  remote?: RemoteOptions;
  /**
   * When `auto` may send a request to the server instead: never, when this machine cannot run the model, or also when a run failed
   * here. @default 'when-unsupported'
   */
  fallback?: FallbackPolicy;
  /** Called, and awaited, before a prompt goes to the server in place of a local run. Returning `false` or throwing forbids it. */
  onFallback?: (reason: FluxError) => unknown;
  /** Requests that may wait while one runs; more are refused with `input/queue-full`. @default 8 */
  maxQueue?: number;
  /**
   * Bytes of device memory to stay within, weights and work buffers together: what does not fit is read again when it is needed, pictures
   * are decoded in tiles where they must be, and what fits in no way is refused with the numbers. Without it 4 GiB are planned for, and
   * nothing is refused for want of memory.
   */
  memoryBudget?: number;
  /**
   * What WebGPU computes its linear layers and its attention in. `auto`: half precision where the adapter has `shader-f16` and its kernels
   * pass the self-test, else float32. `f16` anywhere else is an error. The same seed gives a slightly different picture.
   * @default 'auto'
   */
  precision?: 'auto' | Precision;
  /**
   * Keeps the model's files in this browser's Cache storage, each checked whenever it is read: `load` fetches all of them, and generating
   * needs no network from then on. Without it, or where the browser keeps nothing (`isKept` of what `load` gives), weights that did not
   * stay in memory are fetched again. `clearKept` takes them away. @default true
   */
  keep?: boolean;
  /** URL of the worker's module: for a strict CSP, or a bundler that does not understand `new Worker(new URL(…))`. */
  workerUrl?: string | URL;
  /** URL of onnxruntime-web's .wasm file, where the bundler does not place it. */
  wasmUrl?: string | URL;
  /** Silence after which a worker is taken for hung. @default 60 s; 10 min where wasm is allowed, which is silent while it computes */
  hangTimeoutMs?: number;
  /**
   * Time in which a run or a read must end before the GPU is taken for hung (`device/hung`); ten times the longest so far, where
   * that is more. On WebGPU it is a whole step, all pictures of the batch, that ends at once. @default 10 min
   */
  stallTimeoutMs?: number;
}

/** When `auto` may send a request to the server. */
export type FallbackPolicy = 'never' | 'when-unsupported' | 'on-failure';

/** The options with every default filled in. */
export interface ResolvedOptions {
  /** Absent where nothing is computed here. */
  local?: { input: LoadInput; startWorker: () => Worker; patience: Patience };
  remote?: RemoteOptions;
  fallback: FallbackPolicy;
  maxQueue: number;
}

const MAX_QUEUE = 8;
const HANG_TIMEOUT_MS = 60_000;
const WASM_HANG_TIMEOUT_MS = 600_000;
const STALL_TIMEOUT_MS = 600_000;

/** Absolute: relative to the page, or to the worker that this runs in. */
const url: strict.Read<string> = (value, path) => {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  const isAddress = typeof value === 'string' || value instanceof URL;
  if (isAddress && URL.canParse(value, base)) return new URL(value, base).href;
  throw strict.refusal(path, 'a URL', value, 'input/type');
};

const callback: strict.Read<NonNullable<FluxSrpoOptions['onFallback']>> = (value, path) => {
  if (typeof value === 'function') return value as NonNullable<FluxSrpoOptions['onFallback']>;
  throw strict.wrongType(path, 'a function', value);
};

const remoteOptions: strict.Read<RemoteOptions> = (value) => {
  checkRemoteOptions(value as RemoteOptions);
  return value as RemoteOptions;
};

const { optional, oneOf } = strict;
const milliseconds = strict.numeric('milliseconds above 0', (ms) => ms > 0);
const bytes = strict.numeric('a number of bytes above 0', (count) => count > 0);

const readOptions = strict.object<FluxSrpoOptions>({
  model: optional(url),
  backend: optional(oneOf('auto', 'webgpu', 'wasm', 'remote')),
  allowWasm: optional(strict.boolean),
  remote: optional(remoteOptions),
  fallback: optional(oneOf('never', 'when-unsupported', 'on-failure')),
  onFallback: optional(callback),
  maxQueue: optional(strict.integer(0, Number.POSITIVE_INFINITY)),
  memoryBudget: optional(bytes),
  precision: optional(oneOf('auto', 'f32', 'f16')),
  keep: optional(strict.boolean),
  workerUrl: optional(url),
  wasmUrl: optional(url),
  hangTimeoutMs: optional(milliseconds),
  stallTimeoutMs: optional(milliseconds),
});

/** @throws InputError that names the option */
export function resolveOptions(given: FluxSrpoOptions): ResolvedOptions {
  const options = readOptions(given, '');
  const { backend = 'auto', fallback = 'when-unsupported', maxQueue = MAX_QUEUE, remote } = options;
  if (backend === 'remote' && remote === undefined) throw required('remote', 'with backend "remote"');
  return {
    ...(backend === 'remote' ? {} : { local: resolveLocal(options, backend) }),
    ...(remote === undefined ? {} : { remote }),
    // Whoever names a local backend has chosen.
    fallback: backend === 'auto' && remote !== undefined ? fallback : 'never',
    maxQueue,
  };
}

function resolveLocal(options: FluxSrpoOptions, backend: 'auto' | LocalBackend): NonNullable<ResolvedOptions['local']> {
  const { model, allowWasm, keep = true, memoryBudget, precision, workerUrl, wasmUrl } = options;
  if (model === undefined) throw required('model', 'unless backend is "remote"');
  const backends: LoadInput['backends'] =
    backend === 'auto' ? (allowWasm ? ['webgpu', 'wasm'] : ['webgpu']) : [backend];
  const defaultHangMs = backends.includes('wasm') ? WASM_HANG_TIMEOUT_MS : HANG_TIMEOUT_MS;
  return {
    input: { model: String(model), backends, keep, wasmUrl: wasmUrl && String(wasmUrl), memoryBudget, precision },
    startWorker: () => {
      // The literal form is what bundlers look for.
      if (workerUrl === undefined) return new Worker(new URL('../worker.ts', import.meta.url), { type: 'module' });
      return new Worker(workerUrl, { type: 'module' });
    },
    patience: {
      hangMs: options.hangTimeoutMs ?? defaultHangMs,
      stallMs: options.stallTimeoutMs ?? STALL_TIMEOUT_MS,
    },
  };
}

function required(field: string, when: string): InputError {
  return new InputError(`${field} is required ${when}`, { code: 'input/required', details: { field } });
}
