import { DeviceError, fromWireError } from '@flux-srpo/core';
import { type Remote, wrap } from 'comlink';
import type { EventMessage, Reply, WorkerApi, WorkerEvent } from './protocol.ts';

export interface CallOptions {
  signal?: AbortSignal | undefined;
  onEvent?: ((event: WorkerEvent) => void) | undefined;
}

/** Milliseconds after which a worker that has work is given up. */
export interface Patience {
  /** Without a sign of life. */
  hangMs: number;
  /** Without anything finished; more where something took more than a tenth of it before. */
  stallMs: number;
}

/** Heartbeats per patience, at least. They are counted, not timed: a machine that slept has missed one. */
const BEATS = 6;
const MAX_BEAT_MS = 10_000;
/** What took long once may take this many times as long. */
const SLACK = 10;

interface PendingCall {
  fail(error: unknown): void;
  onEvent: CallOptions['onEvent'];
}

/**
 * The main thread's end of one worker. Every call settles: with the worker's reply, with the signal's reason, or, when the
 * worker crashes or hangs, with `device/worker-failed`, and with `device/hung` when it lives and the GPU gives nothing back.
 */
export class WorkerLink {
  readonly #worker: Worker;
  readonly #api: Remote<WorkerApi>;
  readonly #patience: Patience;
  readonly #beatMs: number;
  readonly #pending = new Map<number, PendingCall>();
  /** Takes every listener off the worker: ours and comlink's, which removes none itself. */
  readonly #listening = new AbortController();
  #nextCall = 1;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #wasHeard = false;
  #silentBeats = 0;
  /** What the worker says it has finished, */
  #finished = 0;
  /** for how many beats it has said so, */
  #stillBeats = 0;
  /** and the most beats after which there was more. */
  #longestBeats = 0;
  /** Why no more calls are taken. */
  #ended: { reason: unknown } | undefined;

  constructor(worker: Worker, patience: Patience) {
    this.#worker = worker;
    this.#patience = patience;
    this.#beatMs = Math.min(MAX_BEAT_MS, patience.hangMs / BEATS, patience.stallMs / BEATS);
    const { signal } = this.#listening;
    this.#api = wrap<WorkerApi>({
      postMessage: (message, transfer) => worker.postMessage(message, transfer ?? []),
      addEventListener: (type, listener) => worker.addEventListener(type, listener, { signal }),
      removeEventListener: (type, listener) => worker.removeEventListener(type, listener),
    });
    worker.addEventListener('message', this.#hear, { signal });
    worker.addEventListener('error', this.#crash, { signal });
    worker.addEventListener('messageerror', this.#crash, { signal });
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
    this.#listening.abort();
    this.#worker.terminate();
    for (const { fail } of [...this.#pending.values()]) fail(reason);
  }

  readonly #hear = ({ data }: MessageEvent<EventMessage>): void => {
    this.#wasHeard = true;
    if (data?.event !== undefined) this.#pending.get(data.call)?.onEvent?.(data.event);
  };

  readonly #beat = (): void => {
    this.#silentBeats = this.#wasHeard ? 0 : this.#silentBeats + 1;
    this.#stillBeats++;
    this.#wasHeard = false;
    const { hangMs, stallMs } = this.#patience;
    if (this.#silentBeats * this.#beatMs >= hangMs) {
      this.end(
        gone('device/worker-failed', `the worker has not answered for ${hangMs / 1000} s and was stopped`, 'hang'),
      );
    } else if (this.#stillBeats * this.#beatMs >= Math.max(stallMs, SLACK * this.#longestBeats * this.#beatMs)) {
      const seconds = Math.round((this.#stillBeats * this.#beatMs) / 1000);
      const what = `nothing was finished for ${seconds} s (stallTimeoutMs): the GPU hangs, or the model's server`;
      this.end(gone('device/hung', `${what}; the worker was stopped`, 'stall'));
    } else {
      void this.#api.ping().then(this.#note);
    }
  };

  readonly #note = (finished: number): void => {
    if (finished === this.#finished) return;
    this.#finished = finished;
    // The beat that asks has begun after it.
    this.#longestBeats = Math.max(this.#longestBeats, this.#stillBeats - 1);
    this.#stillBeats = 0;
  };

  readonly #crash = (event: Event): void => {
    const message = event instanceof ErrorEvent && event.message ? `: ${event.message}` : '';
    this.end(gone('device/worker-failed', `the worker could not start, or crashed${message}`, event.type));
  };

  #stopHeartbeat(): void {
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
    this.#silentBeats = 0;
    this.#stillBeats = 0;
  }
}

function gone(code: 'device/worker-failed' | 'device/hung', what: string, event: string): DeviceError {
  return new DeviceError(`${what}; the next call starts a new one`, { code, details: { event } });
}
