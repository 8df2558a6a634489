import { DeviceError } from '@flux-srpo/core';
import type { Remote } from 'comlink';
import type { GenerateOptions } from '../client/image-client.ts';
import { type CheckpointNews, connectToWorker, type WorkerApi } from './protocol.ts';

/** Milliseconds after which a worker that has work is given up. */
export interface Patience {
  /** Without a sign of life. */
  hangMs: number;
  /** Without anything finished; more where something took more than a tenth of it before. */
  stallMs: number;
}

/** What is heard of a call. Listeners do not throw. */
export interface CallOptions extends GenerateOptions {
  onCheckpoint?: ((checkpoint: CheckpointNews) => void) | undefined;
}

/** Heartbeats per patience, at least. Counted, not timed: a sleeping machine misses one. */
const BEATS = 6;
const MAX_BEAT_MS = 10_000;
/** What took long once may take this many times as long. */
const SLACK = 10;

/**
 * The page's end of one worker. Every call settles: with the worker's answer, with the signal's
 * reason, with `device/worker-failed` when the worker crashes or hangs, and with `device/hung` when
 * it lives but finishes nothing.
 */
export class WorkerLink {
  readonly #worker: Worker;
  readonly #api: Remote<WorkerApi>;
  readonly #patience: Patience;
  readonly #explain: (event: Event) => Promise<DeviceError>;
  readonly #beatMs: number;
  /** Aborted when no more calls are taken. Takes every listener off the worker. */
  readonly #ending = new AbortController();
  /** The call whose events are heard. */
  #heard: CallOptions = {};
  /** Resolves when the worker is free: it goes on a little after a call was aborted. */
  #free: Promise<unknown> = Promise.resolve();
  #calls = 0;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #wasHeard = false;
  #silentBeats = 0;
  /** What the worker has finished, by its last answer. */
  #finished = 0;
  /** Beats since that number changed. */
  #stillBeats = 0;
  /** Most beats that passed between two changes. */
  #longestBeats = 0;
  #isPaused = false;

  /** @param explain why the worker ended without an answer */
  constructor(worker: Worker, patience: Patience, explain: (event: Event) => Promise<DeviceError>) {
    this.#worker = worker;
    this.#patience = patience;
    this.#explain = explain;
    this.#beatMs = Math.min(MAX_BEAT_MS, patience.hangMs / BEATS, patience.stallMs / BEATS);
    const { signal } = this.#ending;
    worker.addEventListener('message', this.#hear, { signal });
    worker.addEventListener('error', this.#crash, { signal });
    worker.addEventListener('messageerror', this.#crash, { signal });
    const endpoint = {
      postMessage: (message: unknown, transfer: Transferable[] = []) => worker.postMessage(message, transfer),
      addEventListener: (type: string, listener: EventListenerOrEventListenerObject) =>
        worker.addEventListener(type, listener, { signal }),
      removeEventListener: () => undefined,
    };
    this.#api = connectToWorker(endpoint, {
      onProgress: (progress) => this.#heard.onProgress?.(progress),
      onPartialImage: (image) => this.#heard.onPartialImage?.(image),
      onCheckpoint: (checkpoint) => this.#heard.onCheckpoint?.(checkpoint),
    });
  }

  get hasEnded(): boolean {
    return this.#ending.signal.aborted;
  }

  /**
   * One at a time. A signal that aborts rejects the call at once; the worker stops a little later,
   * and the next call waits here until then.
   */
  async call<T>(start: (api: Remote<WorkerApi>) => Promise<T>, options: CallOptions = {}): Promise<T> {
    const stop = AbortSignal.any([this.#ending.signal, ...(options.signal ? [options.signal] : [])]);
    stop.throwIfAborted();
    let abort = (): void => undefined;
    const stopped = new Promise<never>((_resolve, reject) => {
      abort = () => reject(stop.reason);
    });
    stop.addEventListener('abort', abort);
    this.#calls++;
    this.#heartbeat ??= setInterval(this.#beat, this.#beatMs);
    try {
      await Promise.race([this.#free, stopped]);
      this.#heard = options;
      const answer = start(this.#api);
      this.#free = answer.catch(() => undefined);
      return await Promise.race([answer, stopped]);
    } catch (error) {
      if (stop.aborted && !this.hasEnded) void this.#api.cancel();
      throw error;
    } finally {
      stop.removeEventListener('abort', abort);
      if (this.#heard === options) this.#heard = {};
      if (--this.#calls === 0) this.#stopHeartbeat();
    }
  }

  /** While it is paused, a worker that finishes nothing does not hang. */
  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    void this.#api.pause(isPaused);
  }

  /** Stops the worker, which frees all it holds, and rejects every pending call with `reason`. */
  end(reason: unknown): void {
    if (this.hasEnded) return;
    this.#stopHeartbeat();
    this.#worker.terminate();
    this.#ending.abort(reason);
  }

  readonly #hear = (): void => {
    this.#wasHeard = true;
  };

  readonly #beat = (): void => {
    this.#silentBeats = this.#wasHeard ? 0 : this.#silentBeats + 1;
    this.#stillBeats = this.#isPaused ? 0 : this.#stillBeats + 1;
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

  readonly #crash = async (event: Event): Promise<void> => {
    this.end(await this.#explain(event));
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
