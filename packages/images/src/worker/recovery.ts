import { type ErrorCode, isFluxError } from '@flux-srpo/core';

/** What follows from an error: which machine, which worker, whether once more. */

/** This machine cannot run the model: another backend or another machine may. */
const UNSUPPORTED: readonly ErrorCode[] = [
  'device/no-webgpu',
  'device/limit-too-small',
  'device/feature-missing',
  'device/self-test-failed',
];

/** It happened to this worker, and may well not happen to the next. */
const RECOVERABLE: readonly ErrorCode[] = ['device/lost', 'device/worker-failed'];

/** The worker is not to be used again: its memory or its runtime is in a state that nobody knows. */
const ENDS_WORKER: readonly ErrorCode[] = [
  ...RECOVERABLE,
  // Not once more: whoever has waited for minutes is told.
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
  return isFluxError(error) && ENDS_WORKER.includes(error.code);
}
