import { isFluxError } from '@flux-srpo/core';
import { silentServer, unreachable } from './http-errors.ts';

/** A request that brings no byte for so long is given up. */
const STALL_MS = 30_000;
/** Looks without a byte that make a stall. A thread that was itself busy has looked once. */
const STALL_LOOKS = 10;

export interface GuardOptions {
  /** Of the file, for messages. */
  readonly name: string;
  /** Of the server, for messages. */
  readonly host: string;
  /** Milliseconds without a byte after which `act` is given up. @default 30 seconds */
  readonly stallMs?: number | undefined;
  /** Whose aborts are passed on as they are. */
  readonly signals: readonly (AbortSignal | undefined)[];
  /** Ends `act` after a stall. */
  readonly giveUp?: (() => void) | undefined;
}

/** Runs a step over the network. Failure or silence becomes a `NetworkError`; an abort stays. */
export async function guardNetwork<T>(act: () => Promise<T>, options: GuardOptions): Promise<T> {
  const { name, host, stallMs = STALL_MS, signals, giveUp } = options;
  let timer: ReturnType<typeof setInterval> | undefined;
  const stall = new Promise<never>((_, reject) => {
    let looks = 0;
    timer = setInterval(() => {
      if (++looks < STALL_LOOKS) return;
      reject(silentServer(name, stallMs));
      giveUp?.();
    }, stallMs / STALL_LOOKS);
  });
  try {
    return await Promise.race([act(), stall]);
  } catch (cause) {
    for (const signal of signals) signal?.throwIfAborted();
    throw isFluxError(cause) ? cause : unreachable(name, host, cause);
  } finally {
    clearInterval(timer);
  }
}
