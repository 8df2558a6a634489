import { InputError } from '@flux-srpo/core';
import { resolveEndpoint } from './endpoint.ts';
import { checkHeaderValue, isSecretHeader } from './header-value.ts';
import type { RemoteOptions } from './options.ts';
import { SERVICE_NAMES } from './service-names.ts';

/** RFC 9110 `token` */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;

/** Refuses what can be known to be wrong before the first request. Apart from the rest, which is loaded when it is used. */
export function checkOptions({
  service = 'flux-srpo',
  baseURL,
  apiKey,
  headers = {},
  maxBytes = 1,
  timeouts = {},
  imageOrigins = [],
  dangerouslyAllowBrowser,
}: RemoteOptions): void {
  if (typeof service === 'string' && !(SERVICE_NAMES as readonly string[]).includes(service)) {
    throw invalid('service', `one of ${SERVICE_NAMES.join(', ')}, or a description`);
  }
  resolveEndpoint(baseURL, '');
  if (apiKey !== undefined && typeof apiKey !== 'function') checkHeaderValue(apiKey, 'apiKey');
  // All named services take the key there.
  const authHeader = typeof service === 'string' ? 'Authorization' : service.authHeader;
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name)) throw invalid('headers', 'an object of header names and values');
    checkHeaderValue(value, `headers.${name}`);
    if (apiKey !== undefined && name.toLowerCase() === authHeader.toLowerCase()) {
      throw new InputError(`apiKey and headers.${name} exclude each other, got both`, {
        code: 'input/conflict',
        details: { field: 'apiKey' },
      });
    }
  }
  const holdsKey = typeof apiKey === 'string' || Object.keys(headers).some(isSecretHeader);
  if (holdsKey && isBrowser() && dangerouslyAllowBrowser !== true) {
    throw new InputError(
      'apiKey must not be in a web page, where everyone can read it; let a relay on your server add it, pass a function that fetches a short-lived token, or set dangerouslyAllowBrowser: true',
      { code: 'input/conflict', details: { field: 'apiKey' } },
    );
  }
  if (!(Number.isInteger(maxBytes) && maxBytes > 0)) throw invalid('maxBytes', 'a whole number of bytes above 0');
  for (const [name, ms] of Object.entries(timeouts)) {
    if (!(typeof ms === 'number' && ms > 0)) throw invalid(`timeouts.${name}`, 'milliseconds above 0, or Infinity');
  }
  for (const origin of imageOrigins) {
    if (!URL.canParse(origin) || !/^https?:\/\/[^/]+\/?$/.test(origin)) {
      throw invalid('imageOrigins', 'origins such as "https://images.example"');
    }
  }
}

function isBrowser(): boolean {
  return (typeof window !== 'undefined' && typeof document !== 'undefined') || typeof importScripts === 'function';
}

declare const importScripts: unknown;

function invalid(field: string, expected: string): InputError {
  return new InputError(`${field} must be ${expected}, got something else`, {
    code: 'input/out-of-range',
    details: { field },
  });
}
