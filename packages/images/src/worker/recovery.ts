import { type ErrorCode, isFluxError } from '@flux-srpo/core';

/** What follows from an error: whether another backend, another worker or a second try may help. */

/** This machine cannot run the model. Another backend or another machine may. */
const UNSUPPORTED: readonly ErrorCode[] = [
  'device/no-webgpu',
  'device/limit-too-small',
  'device/feature-missing',
  'device/self-test-failed',
];

/** This worker failed. The next one may well not. */
const RECOVERABLE: readonly ErrorCode[] = ['device/lost', 'device/worker-failed'];

/** The worker must not be used again: nobody knows what state its memory and its runtime are in. */
const ENDS_WORKER: readonly ErrorCode[] = [
  ...RECOVERABLE,
  // Not tried again: whoever has waited for minutes is told.
  'device/hung',
  'device/out-of-memory',
  'inference/session-create',
  'inference/run',
];

export function isUnsupported(error: unknown): boolean {
  return isFluxError(error) && UNSUPPORTED.includes(error.code);
}

export function isRecoverable(error: unknown): boolean {
  return isFluxError(error) && RECOVERABLE.includes(error.code);
}

export function endsWorker(error: unknown): boolean {
  // The runtime starts once per worker, well or not.
  return isFluxError(error) && (ENDS_WORKER.includes(error.code) || error.details.option === 'wasmUrl');
}
