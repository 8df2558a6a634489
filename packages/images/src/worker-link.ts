import { DeviceError, fromWireError } from '@flux-srpo/core';
import { proxy, type Remote, wrap } from 'comlink';
import type { Notify, Reply, WorkerApi, WorkerEvent } from './protocol.ts';

export interface CallOptions {
  signal?: AbortSignal | undefined;
  notify?: Notify | undefined;
}

/**
 * The main thread's end of one worker. Every call settles: with the worker's reply, with the signal's reason, or, when the
 * worker dies, with `device/worker-failed`.
 */
export class WorkerLink {
  readonly #worker: Worker;
  readonly #api: Remote<WorkerApi>;
  readonly #pending = new Set<(error: unknown) => void>();
  #nextCall = 1;
  /** Why no more calls are taken. */
  #ended: unknown;

  constructor(worker: Worker, onFailure: () => void) {
    this.#worker = worker;
    this.#api = wrap<WorkerApi>(worker);
    const fail = (event: Event) => {
      const message = event instanceof ErrorEvent && event.message ? `: ${event.message}` : '';
      this.end(
        new DeviceError(`the worker could not start, or crashed${message}; the next call starts a new one`, {
          code: 'device/worker-failed',
          details: { event: event.type },
        }),
      );
      onFailure();
    };
    worker.addEventListener('error', fail);
    worker.addEventListener('messageerror', fail);
  }

  call<T>(
    start: (api: Remote<WorkerApi>, call: number, notify: Notify) => Promise<Reply<T>>,
    { signal, notify }: CallOptions,
  ): Promise<T> {
    const call = this.#nextCall++;
    return new Promise<T>((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      if (signal?.aborted) return reject(signal.reason);
      let isSettled = false;
      const settle = (act: () => void) => {
        isSettled = true;
        this.#pending.delete(fail);
        signal?.removeEventListener('abort', abort);
        act();
      };
      const fail = (error: unknown) => settle(() => reject(error));
      const abort = () => {
        // The caller hears at once; the worker stops at its next block, and later calls wait for that.
        void this.#api.cancel(call);
        fail(signal?.reason);
      };
      const forward = (event: WorkerEvent) => {
        if (!isSettled) notify?.(event);
      };
      this.#pending.add(fail);
      signal?.addEventListener('abort', abort);
      start(this.#api, call, proxy(forward)).then((reply) => {
        if (reply.type === 'result') settle(() => resolve(reply.value));
        else if (reply.type === 'failure') fail(fromWireError(reply.error));
        // The worker only cancels what this side aborted, which has settled already; this is for completeness of the protocol.
        else fail(new DOMException('the call was cancelled', 'AbortError'));
      }, fail);
    });
  }

  /** Stops the worker, which frees all it holds, and settles every pending call with `reason`. */
  end(reason: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#worker.terminate();
    for (const fail of [...this.#pending]) fail(reason);
  }
}
