import { DeviceError, isFluxError } from '@flux-srpo/core';
import type { GenerateRequest } from '@flux-srpo/runtime';
import type { LocalRun } from '../wire/response.ts';
import type { LoadInput, LocalModel } from '../worker/protocol.ts';
import { endsWorker, isRecoverable } from '../worker/recovery.ts';
import { workerFailure } from '../worker/worker-failure.ts';
import { type Patience, WorkerLink } from '../worker/worker-link.ts';
import { CallProgress } from './call-progress.ts';
import { GpuTurn } from './gpu-turn.ts';
import type { Home } from './home.ts';
import type { GenerateOptions } from './image-client.ts';
import { keepAwake } from './keep-awake.ts';
import { KeptSteps } from './kept-steps.ts';

export interface LocalEngineOptions {
  input: LoadInput;
  home: Home;
  /** Absent where a bundler has placed the worker's module. */
  workerUrl?: string | undefined;
  patience: Patience;
  /** Whether tabs may draw on the GPU at the same time. */
  shareGpu: boolean;
  /** Whether the screen stays on while something is drawn. */
  keepAwake: boolean;
}

/**
 * One worker at a time, and what survives it. After a lost device, a crash or a hang a new worker
 * goes on after the last finished step, to the same pixels. A try that finished no step is followed
 * by one more. Where the device runs out of memory, a new worker plans for half of it and goes on,
 * once a call.
 */
export class LocalEngine {
  readonly #options: LocalEngineOptions;
  #link: WorkerLink | undefined;
  /** What the link's worker has loaded. */
  #model: LocalModel | undefined;
  #isPaused = false;
  /** Of the picture that is drawn, where it is drawn on the GPU. */
  #turn: GpuTurn | undefined;
  /** What the device had too little memory for, in bytes. Half of it is planned for since then. */
  #tooMuch: { peak: number; error: unknown } | undefined;

  constructor(options: LocalEngineOptions) {
    this.#options = options;
  }

  /** The model that is loaded now. */
  get model(): LocalModel | undefined {
    return this.#link?.hasEnded === false ? this.#model : undefined;
  }

  /** Whether the device ran out of memory, and less is planned for since then. */
  get isShortOfMemory(): boolean {
    return this.#tooMuch !== undefined;
  }

  load(options: GenerateOptions): Promise<LocalModel> {
    return this.#withWorker(options, (link, progress) => this.#load(link, { ...options, onProgress: progress.rest() }));
  }

  /**
   * @param prepare makes the request once it is known which model is loaded; what it throws is
   * final
   * @param kept what is reached, and where to go on
   */
  async generate(
    prepare: (model: LocalModel) => GenerateRequest,
    options: GenerateOptions,
    kept: KeptSteps,
  ): Promise<[LocalRun, LocalModel]> {
    const work = async (link: WorkerLink, progress: CallProgress): Promise<[LocalRun, LocalModel]> => {
      const model = await this.#load(link, { ...options, onProgress: progress.loading() });
      if (this.#tooMuch !== undefined && model.memory.peak >= this.#tooMuch.peak) throw this.#noLess();
      const request = prepare(model);
      const from = kept.of(model);
      if (model.backend === 'webgpu' && !this.#options.shareGpu) {
        this.#turn ??= new GpuTurn(() => progress.wait(), options.signal);
        // One that is paused takes its turn when it goes on.
        if (!this.#isPaused) await this.#turn.take();
      }
      const listeners = { ...options, onProgress: progress.rest(), onCheckpoint: kept.add };
      return [await link.call((api) => api.generate(request, from), listeners), model];
    };
    const rest = this.#options.keepAwake ? keepAwake() : () => undefined;
    try {
      return await this.#withWorker(options, work, kept);
    } finally {
      rest();
      this.#turn?.end();
      this.#turn = undefined;
    }
  }

  /** Stops computing at the next run of a block, and lets other tabs draw. */
  pause(): void {
    this.#isPaused = true;
    this.#link?.pause(true);
    this.#turn?.release();
  }

  /** Goes on, when it is this tab's turn. */
  async resume(): Promise<void> {
    this.#isPaused = false;
    // A call that ends while it waits rejects by itself.
    await this.#turn?.take().catch(() => undefined);
    if (!this.#isPaused) this.#link?.pause(false);
  }

  /** Gives everything back, the worker included. */
  async unload(): Promise<void> {
    this.#tooMuch = undefined;
    // In order where the worker answers. One that does not is stopped all the same.
    await this.#link?.call((api) => api.unload()).catch(() => undefined);
    this.end(new DOMException('the model was unloaded', 'AbortError'));
  }

  /** Stops the worker now. Pending calls reject with `reason`. */
  end(reason: unknown): void {
    this.#link?.end(reason);
  }

  /** Loads once per worker. */
  async #load(link: WorkerLink, options: GenerateOptions): Promise<LocalModel> {
    if (this.#model === undefined) {
      const { input } = this.#options;
      const memoryTarget = this.#tooMuch && Math.floor(this.#tooMuch.peak / 2);
      this.#model = await link.call((api) => api.load({ ...input, memoryTarget }), options);
    }
    return this.#model;
  }

  async #withWorker<T>(
    { signal, onProgress }: GenerateOptions,
    work: (link: WorkerLink, progress: CallProgress) => Promise<T>,
    kept = new KeptSteps(),
  ): Promise<T> {
    const progress = new CallProgress(onProgress);
    // Of the try before. A first one may have got nowhere.
    let steps = -1;
    let hasPlannedForLess = false;
    for (;;) {
      signal?.throwIfAborted();
      const link = this.#connect();
      try {
        return await work(link, progress);
      } catch (error) {
        if (endsWorker(error)) link.end(error);
        const peak = isFluxError(error, 'device/out-of-memory') ? this.#model?.memory.peak : undefined;
        if (peak !== undefined && !hasPlannedForLess) {
          hasPlannedForLess = true;
          this.#tooMuch = { peak, error };
        } else {
          if (!isRecoverable(error) || kept.steps <= steps) throw error;
          steps = kept.steps;
        }
        progress.restart(error, kept.steps);
      }
    }
  }

  /** There is no smaller plan. The next call tries the usual one: memory may be free again. */
  #noLess(): unknown {
    const error = this.#tooMuch?.error;
    this.#tooMuch = undefined;
    this.#link?.end(error);
    return error;
  }

  #connect(): WorkerLink {
    if (this.#link === undefined || this.#link.hasEnded) {
      const { workerUrl: url, patience } = this.#options;
      const since = performance.now();
      const explain = (event: Event) => workerFailure(event, { what: 'worker', url, since });
      this.#link = new WorkerLink(this.#start(), patience, explain);
      this.#model = undefined;
      if (this.#isPaused) this.#link.pause(true);
    }
    return this.#link;
  }

  #start(): Worker {
    const { home, workerUrl } = this.#options;
    home.assertCanCompute();
    try {
      return home.startWorker(workerUrl);
    } catch (cause) {
      throw new DeviceError(
        "the page may not start the worker; its script must be of the page's own origin and allowed by worker-src",
        { code: 'device/worker-failed', details: { event: 'start' }, cause },
      );
    }
  }
}
