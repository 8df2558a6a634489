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

/**
 * Whether the request is wrong, rather than what should draw it: every code of `input/…`, a safety
 * checker that this bundle does not have, and the name of another model than the one that is
 * `loaded`. Nothing else is, whatever `details.field` says: a damaged manifest has fields too.
 */
function isRequestsFault({ code, details }: FluxError): boolean {
  const namesAnother = code === 'model/not-found' && details.loaded !== undefined;
  return code.startsWith('input/') || code === 'model/safety-checker-missing' || namesAnother;
}
