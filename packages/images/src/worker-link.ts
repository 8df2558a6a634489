import { DeviceError, fromWireError } from '@flux-srpo/core';
import { type Remote, wrap } from 'comlink';
import type { EventMessage, Reply, WorkerApi, WorkerEvent } from './protocol.ts';

export interface CallOptions {
  signal?: AbortSignal | undefined;
  onEvent?: ((event: WorkerEvent) => void) | undefined;
}

/** Beats without a sign of life after which a worker is taken for dead. Beats, not time: a machine that slept has missed one. */
const SILENT_BEATS = 6;

interface PendingCall {
  fail(error: unknown): void;
  onEvent: CallOptions['onEvent'];
}

/**
 * The main thread's end of one worker. Every call settles: with the worker's reply, with the signal's reason, or, when the
 * worker crashes or hangs, with `device/worker-failed`.
 */
export class WorkerLink {
  readonly #worker: Worker;
  readonly #api: Remote<WorkerApi>;
  readonly #beatMs: number;
  readonly #pending = new Map<number, PendingCall>();
  #nextCall = 1;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #wasHeard = false;
  #silentBeats = 0;
  /** Why no more calls are taken. */
  #ended: { reason: unknown } | undefined;

  /** @param hangTimeoutMs silence after which a worker that has work is given up */
  constructor(worker: Worker, hangTimeoutMs: number) {
    this.#worker = worker;
    this.#beatMs = hangTimeoutMs / SILENT_BEATS;
    this.#api = wrap<WorkerApi>(worker);
    worker.addEventListener('message', this.#hear);
    worker.addEventListener('error', this.#crash);
    worker.addEventListener('messageerror', this.#crash);
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  call<T>(
    start: (api: Remote<WorkerApi>, call: number) => Promise<Reply<T>>,
    { signal, onEvent }: CallOptions = {},
  ): Promise<T> {
    const call = this.#nextCall++;
    return new Promise<T>((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended.reason);
      if (signal?.aborted) return reject(signal.reason);
      const settle = (act: () => void) => {
        this.#pending.delete(call);
        signal?.removeEventListener('abort', abort);
        if (this.#pending.size === 0) this.#stopHeartbeat();
        act();
      };
      const fail = (error: unknown) => settle(() => reject(error));
      const abort = () => {
        // The caller hears at once; the worker stops at its next block, and later calls wait for that.
        void this.#api.cancel(call);
        fail(signal?.reason);
      };
      this.#pending.set(call, { fail, onEvent });
      this.#heartbeat ??= setInterval(this.#beat, this.#beatMs);
      signal?.addEventListener('abort', abort);
      start(this.#api, call).then((reply) => {
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
    this.#ended = { reason };
    this.#stopHeartbeat();
    this.#worker.removeEventListener('message', this.#hear);
    this.#worker.removeEventListener('error', this.#crash);
    this.#worker.removeEventListener('messageerror', this.#crash);
    this.#worker.terminate();
    for (const { fail } of [...this.#pending.values()]) fail(reason);
  }

  readonly #hear = ({ data }: MessageEvent<EventMessage>): void => {
    this.#wasHeard = true;
    if (data?.event !== undefined) this.#pending.get(data.call)?.onEvent?.(data.event);
  };

  readonly #beat = (): void => {
    this.#silentBeats = this.#wasHeard ? 0 : this.#silentBeats + 1;
    this.#wasHeard = false;
    if (this.#silentBeats >= SILENT_BEATS) {
      const seconds = (SILENT_BEATS * this.#beatMs) / 1000;
      this.end(failed(`the worker has not answered for ${seconds} s and was stopped`, 'hang'));
    } else {
      void this.#api.ping();
    }
  };

  readonly #crash = (event: Event): void => {
    const message = event instanceof ErrorEvent && event.message ? `: ${event.message}` : '';
    this.end(failed(`the worker could not start, or crashed${message}`, event.type));
  };

  #stopHeartbeat(): void {
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
    this.#silentBeats = 0;
  }
}

function failed(what: string, event: string): DeviceError {
  return new DeviceError(`${what}; the next call starts a new one`, {
    code: 'device/worker-failed',
    details: { event },
  });
}
