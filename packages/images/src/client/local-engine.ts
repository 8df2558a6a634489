import { DeviceError } from '@flux-srpo/core';
import type { GenerateRequest } from '@flux-srpo/runtime';
import type { GenerateOutput, LoadInput, LocalModel } from '../worker/protocol.ts';
import { endsWorker, isRecoverable } from '../worker/recovery.ts';
import type { CallOptions, Patience, WorkerLink } from '../worker/worker-link.ts';

export interface LocalEngineOptions {
  input: LoadInput;
  startWorker: () => Worker;
  patience: Patience;
}

/**
 * One worker at a time and what survives it. The worker is the unit of recovery: after a lost device, a crash or a hang a new one
 * does the call over, once; same seed, same picture.
 */
export class LocalEngine {
  readonly #options: LocalEngineOptions;
  #link: WorkerLink | undefined;
  /** Why there will be no more workers. */
  #disposed: { reason: unknown } | undefined;

  constructor(options: LocalEngineOptions) {
    this.#options = options;
  }

  load(options: CallOptions): Promise<LocalModel> {
    return this.#withWorker((link) => this.#load(link, options), options.signal);
  }

  /** @param prepare makes the request once it is known which model is loaded; what it throws is final */
  generate(
    prepare: (model: LocalModel) => GenerateRequest,
    options: CallOptions,
  ): Promise<[GenerateOutput, LocalModel]> {
    return this.#withWorker(async (link) => {
      const model = await this.#load(link, options);
      const input = prepare(model);
      return [await link.call((api, call) => api.generate(call, input), options), model];
    }, options.signal);
  }

  /** Gives everything back, the worker included. */
  async unload(): Promise<void> {
    const link = this.#link;
    if (link === undefined) return;
    // In order where it answers; a worker that does not is stopped all the same.
    await link.call((api, call) => api.unload(call)).catch(() => undefined);
    this.end(new DOMException('the model was unloaded', 'AbortError'));
  }

  /** Stops the worker now; pending calls reject with `reason`. */
  end(reason: unknown): void {
    this.#link?.end(reason);
    this.#link = undefined;
  }

  /** `end`, for good. */
  dispose(reason: unknown): void {
    this.#disposed = { reason };
    this.end(reason);
  }

  #load(link: WorkerLink, options: CallOptions): Promise<LocalModel> {
    return link.call((api, call) => api.load(call, this.#options.input), options);
  }

  async #withWorker<T>(work: (link: WorkerLink) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    for (let isRetry = false; ; isRetry = true) {
      signal?.throwIfAborted();
      const link = await this.#connect();
      try {
        return await work(link);
      } catch (error) {
        if (endsWorker(error)) link.end(error);
        if (isRetry || !isRecoverable(error)) throw error;
      }
    }
  }

  async #connect(): Promise<WorkerLink> {
    // Apart from the client, which is small.
    const { WorkerLink } = await import('../worker/worker-link.ts');
    if (this.#disposed !== undefined) throw this.#disposed.reason;
    if (this.#link === undefined || this.#link.hasEnded) {
      this.#link = new WorkerLink(this.#start(), this.#options.patience);
    }
    return this.#link;
  }

  #start(): Worker {
    if (typeof Worker === 'undefined') {
      throw new DeviceError('this environment has no web workers, which the model runs in', {
        code: 'device/feature-missing',
        details: { feature: 'Worker' },
      });
    }
    try {
      return this.#options.startWorker();
    } catch (cause) {
      throw new DeviceError(
        "the page may not start the worker; its script must be of the page's own origin and allowed by worker-src",
        { code: 'device/worker-failed', details: { event: 'start' }, cause },
      );
    }
  }
}
