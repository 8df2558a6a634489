import { InputError } from '@flux-srpo/core';
import { pageBase } from './page-base.ts';

/**
 * `path` below `baseURL`, which may be relative to the page (a relay on the page's own server).
 * Segments that end the one and begin the other are taken once: `https://host/v1` and
 * `/v1/images/generations` give `https://host/v1/images/generations`.
 */
export function resolveEndpoint(baseURL: string | URL, path: string, page = pageBase()): URL {
  if (!URL.canParse(baseURL, page)) throw invalid('input/type', 'a URL, absolute or relative to the page');
  const url = new URL(baseURL, page);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw invalid('input/out-of-range', 'an http(s) URL');
  if (url.username !== '' || url.password !== '') {
    throw invalid('input/out-of-range', 'a URL without user name and password; keys go into apiKey');
  }
  const base = segments(url.pathname);
  const rest = segments(path);
  let shared = Math.min(base.length, rest.length);
  while (base.slice(base.length - shared).join('/') !== rest.slice(0, shared).join('/')) shared--;
  url.pathname = [...base, ...rest.slice(shared)].join('/');
  url.hash = '';
  return url;
}

function segments(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

/** The message does not show the URL, which may hold a password. */
function invalid(code: 'input/type' | 'input/out-of-range', expected: string): InputError {
  return new InputError(`baseURL must be ${expected}, got something else (not shown)`, {
    code,
    details: { field: 'baseURL' },
  });
}
