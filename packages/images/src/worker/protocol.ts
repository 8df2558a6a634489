import {
  fromWireError,
  type Manifest,
  type Precision,
  type Progress,
  type Residency,
  toWireError,
  type WireError,
} from '@flux-srpo/core';
import type { BackendInfo, Checkpoint, GenerateRequest, Preview } from '@flux-srpo/runtime';
import { type Endpoint, expose, type Remote, type TransferHandler, transferHandlers, wrap } from 'comlink';
import type { ModelAddress } from '../store/model-source.ts';
import type { ModelFacts } from '../wire/model.ts';
import type { LocalRun } from '../wire/response.ts';

/**
 * All that crosses between the page and its worker: two interfaces, carried by comlink over the
 * worker's own messages. Arguments and results are plain data, buffers are transferred, errors keep
 * their class, code and details.
 */

/**
 * What the worker offers. One call at a time, besides `pause`, `cancel` and `ping`: the page waits
 * for the answer before the next.
 */
export interface WorkerApi {
  /** Opens the model. Only answers where it is open already. */
  load(input: LoadInput): Promise<LocalModel>;
  /**
   * After `load`. The PNG files have their settings inside. A withheld picture's is empty.
   *
   * @param from where another worker got to with this request, on a model of the same fingerprint
   */
  generate(request: GenerateRequest, from?: Checkpoint): Promise<LocalRun>;
  /** Gives back what the model holds on the device. */
  unload(): Promise<void>;
  /** Holds back every run of a graph until it is called with `false`. */
  pause(isPaused: boolean): void;
  /** Stops the running call at its next run, read or picture, with an `AbortError`. */
  cancel(): void;
  /** Runs, reads and uploads that have ended. If it stands still, something may hang. */
  ping(): number;
}

/**
 * What the page offers: it hears how the running call goes. Everything told before the answer
 * arrives before the answer.
 */
export interface PageApi {
  onProgress(progress: Progress): void;
  /** @param image its pixels are transferred */
  onPartialImage(image: Preview): void;
  /** @param checkpoint its latents are transferred. The prompt comes with the first alone */
  onCheckpoint(checkpoint: CheckpointNews): void;
}

/** How far the running call has come, without what was told before. */
export type CheckpointNews = Omit<Checkpoint, 'prompt'> & Partial<Pick<Checkpoint, 'prompt'>>;

/** What computes pictures on this machine: the GPU, or the CPU. */
export type LocalBackend = 'webgpu' | 'wasm';

export interface LoadInput extends ModelAddress {
  /** In order of preference. The next one is for machines that cannot do the one before it. */
  backends: readonly [LocalBackend, ...LocalBackend[]];
  /** Whether its files are kept in this browser. Absent: where that is possible. */
  keep?: boolean | undefined;
  wasmUrl?: string | undefined;
  wasmSha256?: string | undefined;
  /** On wasm. */
  threads?: number | undefined;
  /** Bytes of device memory for weights and work buffers. */
  memoryBudget?: number | undefined;
  /** Bytes to aim at in place of the budget, after the device gave less than was planned for. */
  memoryTarget?: number | undefined;
  /** What WebGPU computes in. @default 'auto' */
  precision?: 'auto' | Precision | undefined;
}

/** The loaded bundle, and what computes it. */
export interface LocalModel extends ModelFacts {
  /** Human name, one line. */
  name: string;
  licence: Manifest['licence'];
  examples: string[];
  backend: LocalBackend;
  /** The runtime and the GPU, and which of its kernels gave right answers. */
  compute: BackendInfo;
  /**
   * Models of one fingerprint compute the same latents, to the bit, from the same request. The
   * pixels too where the decoder works on the whole picture, or in the same tiles.
   */
  fingerprint: string;
  /** What a picture of the default size takes here. */
  memory: ModelMemory;
  /** Whether all its files are in the browser's storage, so that generating needs no network. */
  isKept: boolean;
  /** Why it is not kept. Absent where it is, and with `keep: false`. */
  notKept?: WireError;
  /** Why it is not WebGPU. Absent where it is, or was not asked for. */
  fallback?: WireError;
}

/** The memory plan that `load` came to. Bytes on the device. */
export interface ModelMemory {
  /**
   * How long the denoiser's weights stay there: between pictures too, for one picture, or while
   * they are used.
   */
  residency: Residency;
  peak: number;
  /** Weights that every step reads again. */
  readPerStep: number;
}

/** The page's end. `endpoint` sends to the worker and hears it. */
export function connectToWorker(endpoint: Endpoint, page: PageApi): Remote<WorkerApi> {
  carryErrors({
    deserialize: (wire) => {
      throw fromWireError(wire as WireError);
    },
  });
  expose(page, endpoint);
  return wrap<WorkerApi>(endpoint);
}

/** The worker's end. @param endpoint of the page; absent: this dedicated worker's own */
export function connectToPage(
  createWorkerApi: (page: Remote<PageApi>) => WorkerApi,
  // Compiled with the types of a page, where `self` is no such endpoint.
  endpoint = self as unknown as Endpoint,
): void {
  carryErrors({ serialize: (thrown) => [toWireError((thrown as { value: unknown }).value), []] });
  expose(createWorkerApi(wrap<PageApi>(endpoint)), endpoint);
}

/** Tells comlink how what is thrown crosses: structured clone keeps neither class nor code. */
function carryErrors(handler: Partial<TransferHandler<unknown, unknown>>): void {
  transferHandlers.set('throw', { ...transferHandlers.get('throw')!, ...handler });
}
