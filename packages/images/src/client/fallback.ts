import { type FluxError, isFluxError } from '@flux-srpo/core';
import { isUnsupported } from '../worker/recovery.ts';
import type { FallbackPolicy, FluxSrpoOptions } from './options.ts';

/**
 * Whether a request that failed here with `error` may go to the server. A request that is wrong
 * never may.
 */
export function mayFallBack(policy: FallbackPolicy, error: unknown): error is FluxError {
  if (policy === 'never' || !isFluxError(error) || isRequestsFault(error)) return false;
  return policy === 'on-failure' || isUnsupported(error) || error.code === 'storage/quota-exceeded';
}

/**
 * Asks the caller. Rejects with what the caller throws, or with `reason` if the caller returns
 * `false`.
 */
export async function askConsent(onFallback: FluxSrpoOptions['onFallback'], reason: FluxError): Promise<void> {
  if ((await onFallback?.(reason)) === false) throw reason;
}

function isRequestsFault(error: FluxError): boolean {
  return error.code.startsWith('input/') || error.details.field !== undefined;
}
