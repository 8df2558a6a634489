import { InputError, strict } from '@flux-srpo/core';
import { resolveEndpoint } from './endpoint.ts';
import type { RemoteOptions, RemoteTimeouts } from './options.ts';
import { ANY_PAGE, pageBase } from './page-base.ts';
import { SERVICE_NAMES } from './service-names.ts';

/** RFC 9110 `token` */
export const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;

const SECRET_HEADER = /auth|key|token|secret|cookie/i;

export function isSecretHeader(name: string): boolean {
  return SECRET_HEADER.test(name);
}

/**
 * A value that `fetch` can send as it is. It is checked here because the errors of `fetch` quote
 * the value.
 * @see https://fetch.spec.whatwg.org/#header-value
 */
export const readHeaderValue = strict.secret(
  strict.matching(
    /^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/,
    'one line of Latin-1 without blanks at its ends (is there a line break behind it?)',
  ),
);

const { optional } = strict;

const any: strict.Read<unknown> = (value) => value;
const asIs = any as strict.Read<never>;
const milliseconds = optional(strict.numeric('milliseconds above 0, or Infinity', (ms) => ms > 0));

const read = strict.object<RemoteOptions>({
  baseURL: asIs,
  apiKey: optional((value, path) => (typeof value === 'function' ? (value as never) : readHeaderValue(value, path))),
  model: optional(strict.text(200)),
  service: optional((value, path) =>
    typeof value === 'object' && value !== null ? (value as never) : strict.oneOf(...SERVICE_NAMES)(value, path),
  ),
  fetch: optional(asIs),
  headers: optional((value, path) => {
    const names = strict.matching(HEADER_NAME, 'the name of a header');
    return strict.record((name) => names(name, path), readHeaderValue, 100)(value, path);
  }),
  timeouts: optional(
    strict.object<Partial<RemoteTimeouts>>({
      key: milliseconds,
      headers: milliseconds,
      stall: milliseconds,
      total: milliseconds,
    }),
  ),
  maxBytes: optional(strict.integer(1, Number.POSITIVE_INFINITY)),
  imageOrigins: optional((value, path) => {
    const origin = strict.matching(/^https?:\/\/[^/]+\/?$/, 'origins such as "https://images.example"');
    const isOrigin = strict.such(origin, 'origins such as "https://images.example"', (text) => URL.canParse(text));
    return strict.list((each) => isOrigin(each, path), 0, 1000)(value, path);
  }),
  dangerouslyAllowBrowser: optional(strict.boolean),
});

/**
 * Refuses mistakes that can be seen before the first request. This file stands apart from the rest,
 * which is loaded with the first request.
 */
export function checkOptions(options: RemoteOptions): RemoteOptions {
  const checked = read(options, '');
  const { baseURL, apiKey, headers = {}, service, dangerouslyAllowBrowser } = checked;
  resolveEndpoint(baseURL, '', pageBase() ?? ANY_PAGE);
  // All named services take the key in this header.
  const authHeader = typeof service === 'object' ? service.auth?.header : 'Authorization';
  const twice = Object.keys(headers).find((name) => name.toLowerCase() === String(authHeader).toLowerCase());
  if (apiKey !== undefined && twice !== undefined) {
    throw conflict(`apiKey and headers.${twice} exclude each other, got both`);
  }
  const holdsKey = typeof apiKey === 'string' || Object.keys(headers).some(isSecretHeader);
  if (holdsKey && isBrowser() && dangerouslyAllowBrowser !== true) {
    throw conflict(
      'apiKey must not be in a web page, where everyone can read it; let a relay on your server add it, pass a function that fetches a short-lived token, or set dangerouslyAllowBrowser: true',
    );
  }
  return checked;
}

function conflict(message: string): InputError {
  return new InputError(message, { code: 'input/conflict', details: { field: 'apiKey' } });
}

function isBrowser(): boolean {
  return (typeof window !== 'undefined' && typeof document !== 'undefined') || typeof importScripts === 'function';
}

declare const importScripts: unknown;
