import { type FluxError, InputError, type Precision, strict } from '@flux-srpo/core';
import type { RemoteOptions } from '../remote/index.ts';
import { checkOptions as checkRemoteOptions } from '../remote/options.ts';
import { type ModelAddress, type ModelSource, readModel, readSha256, readUrl } from '../store/model-source.ts';
import type { ModelFolder } from '../store/picked-folder.ts';
import type { LoadInput, LocalBackend } from '../worker/protocol.ts';
import type { Home } from './home.ts';
import type { LocalEngineOptions } from './local-engine.ts';

/** Where the model is, what may compute it, and whether a server may. */
export interface FluxSrpoOptions {
  /**
   * URL of a bundle's folder, relative to the page, or `opfs:<id>` of an imported model; or the URL
   * with the hash of its manifest and with mirrors; or a folder of this machine. Not needed with
   * `backend: 'remote'`.
   */
  model?: string | URL | ModelSource | ModelFolder;
  /**
   * `webgpu` and `wasm` compute here, `remote` on a server. `auto` tries WebGPU, then wasm if
   * `allowWasm` is set, then the server if there is a `remote` and `fallback` allows it. @default
   * 'auto'
   */
  backend?: 'auto' | LocalBackend | 'remote';
  /** Lets `auto` compute on the CPU, which is slow and private. @default false */
  allowWasm?: boolean;
  /** The server. Without it nothing is ever sent anywhere. */
  remote?: RemoteOptions;
  /**
   * When `auto` may send a request to the server: never, when this machine cannot run the model, or
   * also when a run failed here.
   * @default 'when-unsupported'
   */
  fallback?: FallbackPolicy;
  /**
   * Called, and awaited, before a prompt goes to the server because it could not be drawn here.
   * Returning `false` or throwing forbids it.
   */
  onFallback?: (reason: FluxError) => unknown;
  /** Requests that may wait while one runs. More are refused with `input/queue-full`. @default 8 */
  maxQueue?: number;
  /**
   * Bytes of device memory to stay within, for weights and work buffers together. Weights that do
   * not fit are read again when they are needed, pictures are decoded in tiles, and a picture that
   * fits in no way is refused with the numbers. Without a budget nothing is refused for want of
   * memory: a model that takes more than 4 GiB is planned for what the GPU gives when `load` tries,
   * and for 4 GiB where nobody tries (a software adapter, a phone, Safari).
   */
  memoryBudget?: number;
  /**
   * What WebGPU computes linear layers and attention in. `auto` takes half precision where the
   * adapter has `shader-f16` and its kernels pass the self-test, else float32. `f16` is an error on
   * any other adapter. The two draw slightly different pictures from the same seed. @default 'auto'
   */
  precision?: 'auto' | Precision;
  /**
   * Keeps the model's files in this browser's storage: `load` fetches all of them, and
   * generating needs no network from then on. Each file is checked whenever it is read. `clearKept`
   * removes the files. Left out, a model that does not fit is loaded all the same: `isKept` of what
   * `load` gives is `false`, and `notKept` says why. With `true`, `load` rejects with that reason
   * before it fetches a file. With `false`, or where nothing is kept, weights that did not stay in
   * memory are fetched again. @default where the browser has room
   */
  keep?: boolean;
  /**
   * URL of the worker's module: for a strict CSP, or a bundler that does not understand `new
   * Worker(new URL(…))`.
   */
  workerUrl?: string | URL;
  /** URL of onnxruntime-web's .wasm file, where the bundler does not place it. */
  wasmUrl?: string | URL;
  /**
   * SHA-256 of the file at `wasmUrl`, in lower-case hex. Another file is refused before it runs.
   */
  wasmSha256?: string;
  /**
   * Threads that wasm computes with. Several need a page that is cross-origin isolated; elsewhere
   * it is one.
   * @default 1
   */
  threads?: number;
  /**
   * Lets this tab draw on the GPU while another tab of the origin does, which takes the memory of
   * both. Otherwise it waits for its turn, which a progress event of stage `wait` says.
   * @default false
   */
  shareGpu?: boolean;
  /**
   * Keeps the screen on while something is drawn here and the page is in view: a machine that
   * sleeps computes nothing.
   * @default true
   */
  keepAwake?: boolean;
  /**
   * Milliseconds of silence after which a worker counts as hung and is replaced.
   * @default 60 s; 10 min where wasm is allowed, which is silent while it computes
   */
  hangTimeoutMs?: number;
  /**
   * Milliseconds in which a run or a read must end. Otherwise the GPU counts as hung
   * (`device/hung`). Where something took long before, ten times that long is waited. On WebGPU a
   * whole step ends at once, for all pictures of the batch. @default 10 min
   */
  stallTimeoutMs?: number;
}

/** When `auto` may send a request to the server. */
export type FallbackPolicy = 'never' | 'when-unsupported' | 'on-failure';

/** The options with every default filled in. */
export interface ResolvedOptions {
  /** Absent where nothing is computed here. */
  local?: LocalEngineOptions;
  remote?: RemoteOptions;
  fallback: FallbackPolicy;
  maxQueue: number;
}

const MAX_QUEUE = 8;
const HANG_TIMEOUT_MS = 60_000;
const WASM_HANG_TIMEOUT_MS = 600_000;
const STALL_TIMEOUT_MS = 600_000;

const callback: strict.Read<NonNullable<FluxSrpoOptions['onFallback']>> = (value, path) => {
  if (typeof value === 'function') return value as NonNullable<FluxSrpoOptions['onFallback']>;
  throw strict.wrongType(path, 'a function', value);
};

const remoteOptions: strict.Read<RemoteOptions> = (value, path) => {
  checkRemoteOptions(value as RemoteOptions, path);
  return value as RemoteOptions;
};

const milliseconds = strict.numeric('milliseconds above 0', (ms) => ms > 0);
/** More than any machine has. */
const MAX_THREADS = 1024;

const bytes = strict.numeric('a number of bytes above 0', (count) => count > 0);

type ReadOptions = Omit<FluxSrpoOptions, 'model'> & { model?: ModelAddress };

const readOptions = strict.object<ReadOptions>({
  model: strict.optional(readModel),
  backend: strict.optional(strict.oneOf('auto', 'webgpu', 'wasm', 'remote')),
  allowWasm: strict.optional(strict.boolean),
  remote: strict.optional(remoteOptions),
  fallback: strict.optional(strict.oneOf('never', 'when-unsupported', 'on-failure')),
  onFallback: strict.optional(callback),
  maxQueue: strict.optional(strict.integer(0, Number.POSITIVE_INFINITY)),
  memoryBudget: strict.optional(bytes),
  precision: strict.optional(strict.oneOf('auto', 'f32', 'f16')),
  keep: strict.optional(strict.boolean),
  workerUrl: strict.optional(readUrl),
  wasmUrl: strict.optional(readUrl),
  wasmSha256: strict.optional(readSha256),
  threads: strict.optional(strict.integer(1, MAX_THREADS)),
  shareGpu: strict.optional(strict.boolean),
  keepAwake: strict.optional(strict.boolean),
  hangTimeoutMs: strict.optional(milliseconds),
  stallTimeoutMs: strict.optional(milliseconds),
});

/** @throws InputError that names the option */
export function resolveOptions(given: FluxSrpoOptions, home: Home): ResolvedOptions {
  const options = readOptions(given, '');
  const { backend = 'auto', fallback = 'when-unsupported', maxQueue = MAX_QUEUE, remote } = options;
  if (backend === 'remote' && remote === undefined) throw required('remote', 'with backend "remote"');
  return {
    ...(backend === 'remote' ? {} : { local: resolveLocal(options, backend, home) }),
    ...(remote === undefined ? {} : { remote }),
    // Whoever names a local backend has chosen.
    fallback: backend === 'auto' && remote !== undefined ? fallback : 'never',
    maxQueue,
  };
}

function resolveLocal(options: ReadOptions, backend: 'auto' | LocalBackend, home: Home): LocalEngineOptions {
  const { model, allowWasm, keep, memoryBudget, precision, threads, workerUrl, wasmUrl, wasmSha256 } = options;
  if (model === undefined) throw required('model', 'unless backend is "remote"');
  if (wasmSha256 !== undefined && wasmUrl === undefined) throw required('wasmUrl', 'with wasmSha256');
  const backends: LoadInput['backends'] =
    backend === 'auto' ? (allowWasm ? ['webgpu', 'wasm'] : ['webgpu']) : [backend];
  const defaultHangMs = backends.includes('wasm') ? WASM_HANG_TIMEOUT_MS : HANG_TIMEOUT_MS;
  return {
    input: {
      ...model,
      backends,
      keep,
      wasmUrl: wasmUrl && String(wasmUrl),
      wasmSha256,
      threads,
      memoryBudget,
      precision,
    },
    home,
    workerUrl: workerUrl && String(workerUrl),
    shareGpu: options.shareGpu ?? false,
    keepAwake: options.keepAwake ?? true,
    patience: {
      hangMs: options.hangTimeoutMs ?? defaultHangMs,
      stallMs: options.stallTimeoutMs ?? STALL_TIMEOUT_MS,
    },
  };
}

function required(field: string, when: string): InputError {
  return new InputError(`${field} is required ${when}`, { code: 'input/required', details: { field } });
}
