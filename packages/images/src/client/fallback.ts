import { type FluxError, isFluxError } from '@flux-srpo/core';
import { isUnsupported } from '../worker/recovery.ts';
import type { FallbackPolicy, FluxSrpoOptions } from './options.ts';

/** Whether a request that failed here may go to the server. One that is wrong never may. */
export function mayFallBack(policy: FallbackPolicy, error: unknown): error is FluxError {
  if (policy === 'never' || !isFluxError(error) || isRequestsFault(error)) return false;
  return policy === 'on-failure' || isUnsupported(error) || error.code === 'storage/quota-exceeded';
}

/** Asks the caller. Rejects with what it throws, or with `reason` if it returns `false`. */
export async function askConsent(onFallback: FluxSrpoOptions['onFallback'], reason: FluxError): Promise<void> {
  if ((await onFallback?.(reason)) === false) throw reason;
}

function isRequestsFault(error: FluxError): boolean {
  return error.code.startsWith('input/') || error.details.field !== undefined;
}
