import { InputError, strict } from '@flux-srpo/core';
import { ANY_PAGE, pageBase } from '../page-base.ts';
import type { ServiceDescription } from './service-description.ts';

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

/** Whole words alone: `X-Api-Key` and `X-ClientSecret` hold secrets, `X-Author` does not. */
export function isSecretHeader(name: string): boolean {
  const words = name.replace(/([a-z])([A-Z])/g, '$1-$2').split(/[^a-z]+/i);
  return words.some((word) =>
    /^((api|auth|access)?(keys?|tokens?)|auth\w*ation|auth|secrets?|password|cookies?)$/i.test(word),
  );
}

export const anything: strict.Read<never> = (value) => value as never;
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

const { list, numeric, object, optional, record, such } = strict;
const SERVICE = `one of ${SERVICE_NAMES.join(', ')}, or a description (ServiceDescription)`;
const time = optional(numeric('milliseconds above 0, or Infinity', (ms) => ms > 0));
const isOrigin = (text: string) => /^https?:\/\/[^/]+\/?$/.test(text) && URL.canParse(text);
const origins = such(list(strict.string, 0, 1000), 'origins such as "https://images.example"', (all) =>
  all.every(isOrigin),
);

const read = object<RemoteOptions>({
  baseURL: (value, path) => readBaseURL(value, path, pageBase() ?? ANY_PAGE),
  apiKey: optional((value, path) => (typeof value === 'function' ? anything : readHeaderValue)(value, path)),
  model: optional(strict.text(200)),
  service: optional((value, path) => {
    // A description is checked where it is used: its reader is loaded with the first request.
    if (Object(value) === value || SERVICE_NAMES.includes(value as ServiceName)) return value as ServiceName;
    throw strict.refusal(path, SERVICE, value);
  }),
  fetch: optional(anything),
  headers: optional((value, path) => record((name) => readHeaderName(name, path), readHeaderValue, 100)(value, path)),
  timeouts: optional(object<Partial<RemoteTimeouts>>({ key: time, headers: time, stall: time, total: time })),
  maxBytes: optional(strict.integer(1, Number.POSITIVE_INFINITY)),
  imageOrigins: optional(origins),
  dangerouslyAllowBrowser: optional(strict.boolean),
});

/**
 * Refuses mistakes that can be seen before the first request. This file stands apart from the rest,
 * which is loaded with the first request.
 *
 * @param at where the caller wrote the options: `remote` in those of the client
 */
export function checkOptions(options: RemoteOptions, at: string): RemoteOptions {
  const checked = read(options, at);
  const { apiKey, headers = {}, service, dangerouslyAllowBrowser = false } = checked;
  const names = Object.keys(headers);
  const conflict = (option: string, problem: string): InputError => {
    const field = strict.fieldPath(at, option);
    return new InputError(`${field} ${problem}`, { code: 'input/conflict', details: { field } });
  };
  const authHeader = typeof service === 'object' ? service.auth?.header : 'Authorization';
  const twice = names.find((name) => name.toLowerCase() === String(authHeader).toLowerCase());
  if (apiKey !== undefined && twice !== undefined) {
    throw conflict('apiKey', `and headers.${twice} exclude each other, got both`);
  }
  const secretHeader = names.find(isSecretHeader);
  const exposed = typeof apiKey === 'string' ? 'apiKey' : secretHeader && `headers.${secretHeader}`;
  if (exposed === undefined || dangerouslyAllowBrowser || !isBrowser()) return checked;
  throw conflict(
    exposed,
    'must not be in a web page, where everyone can read it; let a relay on your server add it, give apiKey a function that fetches a short-lived token, or set dangerouslyAllowBrowser: true',
  );
}

/**
 * `path` below `baseURL`, which may be relative to the page (a relay on the page's own server).
 * Segments that end the one and begin the other are taken once: `https://host/v1` and
 * `/v1/images/generations` give `https://host/v1/images/generations`.
 *
 * @throws InputError for an address relative to a page that is not there
 */
export function resolveEndpoint(baseURL: string | URL, path: string): URL {
  const url = new URL(readBaseURL(baseURL, 'baseURL', pageBase()), pageBase());
  const base = url.pathname.replace(/\/+$/, '');
  let shared = path.length;
  while (!base.endsWith(path.slice(0, shared)) || (path[shared] ?? '/') !== '/') shared--;
  url.pathname = base + path.slice(shared);
  url.hash = '';
  return url;
}

/** The message does not show the URL, which may hold a password. */
function readBaseURL(given: unknown, at: string, page: string | undefined): string | URL {
  const expected = 'an http(s) URL, absolute or relative to the page, whose keys are in apiKey alone';
  return strict.secret((value, path) => {
    const url = value as string | URL;
    if (!URL.canParse(url, page)) throw strict.wrongType(path, expected, url);
    const { protocol, username, password } = new URL(url, page);
    if (/^https?:$/.test(protocol) && username + password === '') return url;
    throw strict.refusal(path, expected, url);
  })(given, at);
}

function isBrowser(): boolean {
  return ('window' in globalThis && 'document' in globalThis) || 'importScripts' in globalThis;
}
