/** The part of `AbortSignal` that pure code needs; an `AbortSignal` is one. */
export interface Cancellation {
  readonly aborted: boolean;
  readonly reason?: unknown;
  throwIfAborted(): void;
}

/** Throws the signal's reason (an `AbortError` unless the caller chose another) once it is aborted. */
export function throwIfAborted(signal: Cancellation | undefined): void {
  signal?.throwIfAborted();
}
