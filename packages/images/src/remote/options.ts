import { InputError } from '@flux-srpo/core';
import { resolveEndpoint } from './endpoint.ts';
import { checkHeaderValue, isSecretHeader } from './secrets.ts';
import type { ServiceDescription } from './service.ts';
import { SERVICES, type ServiceName } from './services.ts';

/** A server of the endpoint, and how to talk to it. */
export interface RemoteOptions {
  /** Where the service is; may be relative to the page. For `fal` the model's own URL. */
  baseURL: string | URL;
  /**
   * Sent as it is, with nothing added: say `Bearer …` or `Key …` where the service wants that. A function is asked before every
   * request, which suits short-lived tokens.
   */
  apiKey?: string | (() => string | Promise<string>);
  /** How the service spells requests and answers. @default 'flux-srpo' */
  service?: ServiceName | ServiceDescription;
  /** @default globalThis.fetch */
  fetch?: typeof globalThis.fetch;
  /** Sent with every request. */
  headers?: Readonly<Record<string, string>>;
  timeouts?: Partial<RemoteTimeouts>;
  /** Most bytes of an answer, after decompression. @default 64 MiB */
  maxBytes?: number;
  /** Origins from which pictures are fetched when base64 is asked for and the service answers with a URL. @default [] */
  imageOrigins?: readonly string[];
  /** A key in a page can be read by everyone who can open it. @default false */
  dangerouslyAllowBrowser?: boolean;
}

/** Milliseconds; `Infinity` for none. `fetch` does not tell when a connection stands, so `headers` covers that too. */
export interface RemoteTimeouts {
  /** For the `apiKey` function. @default 30 s */
  key: number;
  /** From sending to the answer's headers, which most services send when the picture is done. @default 10 min */
  headers: number;
  /** Between two pieces of the answer. @default 1 min */
  stall: number;
  /** For everything, pauses between tries included. @default 15 min */
  total: number;
}

export interface RemoteSettings {
  url: URL;
  apiKey: RemoteOptions['apiKey'];
  service: ServiceDescription;
  fetch: typeof globalThis.fetch;
  headers: Readonly<Record<string, string>>;
  timeouts: RemoteTimeouts;
  maxBytes: number;
  imageOrigins: ReadonlySet<string>;
}

const DEFAULT_TIMEOUTS: RemoteTimeouts = { key: 30_000, headers: 600_000, stall: 60_000, total: 900_000 };
const DEFAULT_MAX_BYTES = 64 * 2 ** 20;
/** RFC 9110 `token` */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;

/** Checks everything that can be checked before the first request. */
export function resolveOptions(options: RemoteOptions): RemoteSettings {
  const service = resolveService(options.service ?? 'flux-srpo');
  const { apiKey, headers = {}, maxBytes = DEFAULT_MAX_BYTES } = options;
  if (apiKey !== undefined && typeof apiKey !== 'function') checkHeaderValue(apiKey, 'apiKey');
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name)) throw invalid('headers', 'an object of header names and values');
    checkHeaderValue(value, `headers.${name}`);
    if (apiKey !== undefined && name.toLowerCase() === service.authHeader.toLowerCase()) {
      throw new InputError(`apiKey and headers.${name} exclude each other, got both`, {
        code: 'input/conflict',
        details: { field: 'apiKey' },
      });
    }
  }
  const holdsKey = typeof apiKey === 'string' || Object.keys(headers).some(isSecretHeader);
  if (holdsKey && isBrowser() && options.dangerouslyAllowBrowser !== true) {
    throw new InputError(
      'apiKey must not be in a web page, where everyone can read it; let a relay on your server add it, pass a function that fetches a short-lived token, or set dangerouslyAllowBrowser: true',
      { code: 'input/conflict', details: { field: 'apiKey' } },
    );
  }
  if (!(Number.isInteger(maxBytes) && maxBytes > 0)) throw invalid('maxBytes', 'a whole number of bytes above 0');
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  for (const [name, ms] of Object.entries(timeouts)) {
    if (!(typeof ms === 'number' && ms > 0)) throw invalid(`timeouts.${name}`, 'milliseconds above 0, or Infinity');
  }
  return {
    url: resolveEndpoint(options.baseURL, service.path),
    apiKey,
    service,
    // Called without a `this`: browsers refuse their fetch as a method of something else.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    headers,
    timeouts,
    maxBytes,
    imageOrigins: new Set((options.imageOrigins ?? []).map(checkOrigin)),
  };
}

function resolveService(service: ServiceName | ServiceDescription): ServiceDescription {
  if (typeof service === 'object' && service !== null) return service;
  if (Object.hasOwn(SERVICES, service)) return SERVICES[service];
  throw invalid('service', `one of ${Object.keys(SERVICES).join(', ')}, or a description`);
}

function checkOrigin(origin: string): string {
  if (!URL.canParse(origin) || !/^https?:\/\/[^/]+\/?$/.test(origin)) {
    throw invalid('imageOrigins', 'origins such as "https://images.example"');
  }
  return new URL(origin).origin;
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
