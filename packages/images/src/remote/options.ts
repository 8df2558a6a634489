import { InputError, strict } from '@flux-srpo/core';
import { ANY_PAGE, pageBase } from './page-base.ts';
import type { ServiceDescription } from './service.ts';

/** A server of the endpoint, and how to talk to it. */
export interface RemoteOptions {
  /** Where the service is; may be relative to the page. For `fal` the model's own URL. */
  baseURL: string | URL;
  /**
   * A bare key (`sk-…`) is sent in the way that the service wants it, for most as `Bearer sk-…`. A
   * key with its scheme (`Bearer …`, `Key …`) is sent as it is. A function is asked before every
   * request, which suits short-lived tokens. For a header of your own leave this out and say
   * `headers: { Authorization: … }`.
   */
  apiKey?: string | (() => string | Promise<string>);
  /**
   * What the service calls its model, for requests that name none. A request's own `model` is sent
   * as it is.
   */
  model?: string;
  /** How the service spells requests and answers: by name, or described. @default 'flux-srpo' */
  service?: ServiceName | ServiceDescription;
  /** @default globalThis.fetch */
  fetch?: typeof globalThis.fetch;
  /** Sent with every request, verbatim. */
  headers?: Readonly<Record<string, string>>;
  timeouts?: Partial<RemoteTimeouts>;
  /** Most bytes of an answer, after decompression. @default 64 MiB */
  maxBytes?: number;
  /**
   * Origins from which pictures are fetched when base64 is asked for and the service answers with a
   * URL.
   * @default []
   */
  imageOrigins?: readonly string[];
  /** A key in a page can be read by everyone who can open it. @default false */
  dangerouslyAllowBrowser?: boolean;
}

/**
 * Milliseconds; `Infinity` for none. `fetch` does not tell when a connection stands, so `headers`
 * covers that too.
 */
export interface RemoteTimeouts {
  /** For the `apiKey` function. @default 30 s */
  key: number;
  /**
   * From sending to the answer's headers, which most services send when the picture is done.
   * @default 10 min
   */
  headers: number;
  /** Between two pieces of the answer. @default 1 min */
  stall: number;
  /** For everything, pauses between tries included. @default 15 min */
  total: number;
}

/** One of the services that are known by name. */
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** All of them take the key in `Authorization`. */
const SERVICE_NAMES = ['flux-srpo', 'openai', 'localai', 'vllm-omni', 'sd-server', 'fal'] as const;

export const isSecretHeader = (name: string): boolean => /auth|key|token|secret|cookie/i.test(name);

const { optional, such } = strict;

/** RFC 9110 `token` */
export const readHeaderName = strict.matching(/^[\w!#$%&'*+.^`|~-]+$/, 'the name of a header');

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

const asIs: strict.Read<never> = (value) => value as never;
const time = optional(strict.numeric('milliseconds above 0, or Infinity', (ms) => ms > 0));
const readServiceName = strict.oneOf(...SERVICE_NAMES);

const read = strict.object<RemoteOptions>({
  baseURL: (value, path) => readBaseURL(pageBase() ?? ANY_PAGE)(value, path),
  apiKey: optional((value, path) => (typeof value === 'function' ? asIs(value, path) : readHeaderValue(value, path))),
  model: optional(strict.text(200)),
  // A description is checked where it is used: its reader is loaded with the first request.
  service: optional((value, path) => (Object(value) === value ? asIs : readServiceName)(value, path)),
  fetch: optional(asIs),
  headers: optional((value, path) =>
    strict.record((name) => readHeaderName(name, path), readHeaderValue, 100)(value, path),
  ),
  timeouts: optional(strict.object<Partial<RemoteTimeouts>>({ key: time, headers: time, stall: time, total: time })),
  maxBytes: optional(strict.integer(1, Number.POSITIVE_INFINITY)),
  imageOrigins: optional(
    such(strict.list(strict.string, 0, 1000), 'origins such as "https://images.example"', (all) => all.every(isOrigin)),
  ),
  dangerouslyAllowBrowser: optional(strict.boolean),
});

/**
 * Refuses mistakes that can be seen before the first request. This file stands apart from the rest,
 * which is loaded with the first request.
 */
export function checkOptions(options: RemoteOptions): RemoteOptions {
  const checked = read(options, '');
  const { apiKey, headers = {}, service, dangerouslyAllowBrowser } = checked;
  const names = Object.keys(headers);
  const authHeader = typeof service === 'object' ? service.auth?.header : 'Authorization';
  const twice = names.find((name) => name.toLowerCase() === String(authHeader).toLowerCase());
  const isExposed = isBrowser() && (typeof apiKey === 'string' || names.some(isSecretHeader));
  let problem: string | undefined;
  if (isExposed && dangerouslyAllowBrowser !== true) {
    problem =
      'apiKey must not be in a web page, where everyone can read it; let a relay on your server add it, pass a function that fetches a short-lived token, or set dangerouslyAllowBrowser: true';
  }
  if (apiKey !== undefined && twice !== undefined) problem = `apiKey and headers.${twice} exclude each other, got both`;
  if (problem === undefined) return checked;
  throw new InputError(problem, { code: 'input/conflict', details: { field: 'apiKey' } });
}

/**
 * `path` below `baseURL`, which may be relative to the page (a relay on the page's own server).
 * Segments that end the one and begin the other are taken once: `https://host/v1` and
 * `/v1/images/generations` give `https://host/v1/images/generations`.
 *
 * @throws InputError for an address relative to a page that is not there
 */
export function resolveEndpoint(baseURL: string | URL, path: string): URL {
  const page = pageBase();
  const url = new URL(readBaseURL(page)(baseURL, 'baseURL'), page);
  const base = url.pathname.replace(/\/+$/, '');
  let shared = path.length;
  while (!base.endsWith(path.slice(0, shared)) || (path[shared] ?? '/') !== '/') shared--;
  url.pathname = base + path.slice(shared);
  url.hash = '';
  return url;
}

/** The message does not show the URL, which may hold a password. */
function readBaseURL(page: string | undefined): strict.Read<string | URL> {
  const expected = 'an http(s) URL, absolute or relative to the page, whose keys are in apiKey alone';
  return strict.secret((value, path) => {
    const given = value as string | URL;
    if (!URL.canParse(given, page)) throw strict.wrongType(path, expected, given);
    const { protocol, username, password } = new URL(given, page);
    if (/^https?:$/.test(protocol) && username + password === '') return given;
    throw strict.refusal(path, expected, given);
  });
}

function isOrigin(text: string): boolean {
  return /^https?:\/\/[^/]+\/?$/.test(text) && URL.canParse(text);
}

function isBrowser(): boolean {
  return (typeof window !== 'undefined' && typeof document !== 'undefined') || typeof importScripts === 'function';
}

declare const importScripts: unknown;
