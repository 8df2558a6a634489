import { type ErrorCode, type FluxError, type FluxErrorOptions, NetworkError } from '@flux-srpo/core';
import { fromHttpError } from '../wire/remote-errors.ts';
import { readPath } from './json-path.ts';
import type { Redactor } from './secrets.ts';
import type { Path, ServiceDescription } from './service.ts';

/** What every error of a remote request says of it. */
export interface Exchange {
  service: string;
  /** Without its query. */
  url: string;
  /** How often the request was sent. */
  posts: number;
}

/** How Node's `fetch` (undici) calls its own time limits. */
const NODE_TIMEOUTS: readonly unknown[] = [
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
];

/** The error behind a status other than 2xx, from whatever of the body came. */
export function refusal(
  { error: paths }: ServiceDescription,
  response: Pick<Response, 'status' | 'headers'>,
  body: { text: string; isCut: boolean },
  redactor: Redactor,
  exchange: Exchange,
): FluxError {
  const json = parseJson(body.text);
  const snippet = redactor.snippet(body.text, body.isCut);
  const said =
    json === undefined
      ? snippet
      : {
          error: {
            message: firstText(json, paths.message, redactor) ?? snippet,
            type: firstText(json, paths.type, redactor),
            param: firstText(json, paths.param, redactor),
            code: firstText(json, paths.code, redactor),
          },
        };
  const error = fromHttpError(response.status, said, {
    get: (name) => {
      const value = response.headers.get(name);
      return value === null ? null : redactor.snippet(value);
    },
  });
  // The same class with more details; those of an error are fixed once it is made.
  const Class = error.constructor as new (message: string, options: FluxErrorOptions) => FluxError;
  return new Class(error.message, {
    code: error.code,
    details: { ...error.details, ...exchange, ...(snippet === '' ? {} : { snippet }) },
  });
}

/** A 2xx answer that is not one. */
export function invalidAnswer(
  expectedAndGot: string,
  details: Record<string, unknown>,
  exchange: Exchange,
): NetworkError {
  return new NetworkError(
    `the remote answer is not usable: ${expectedAndGot}; the service may have made, and charged for, the picture all the same`,
    { code: 'network/response-invalid', details: { ...exchange, ...details } },
  );
}

/** What `fetch` threw before there was an answer. Browsers do not tell a refused connection, a CORS refusal and a redirect apart. */
export function noAnswer(thrown: unknown, redactor: Redactor, exchange: Exchange): NetworkError {
  const reason = reasonOf(thrown);
  const isTimeout = NODE_TIMEOUTS.includes(reason);
  return new NetworkError(
    isTimeout
      ? `${exchange.url} did not answer in the time that this platform's fetch gives it`
      : `${exchange.url} gave no answer: not reachable, the connection broke, a redirect (none is followed), or CORS forbids to read it`,
    {
      code: isTimeout ? 'network/timeout' : 'network/unreachable',
      details: { ...exchange, ...(reason === undefined ? {} : { reason: redactor.snippet(reason) }) },
      cause: redactedCause(thrown, redactor),
    },
  );
}

/** The connection ended before the answer did. */
export function cutAnswer(thrown: unknown, bytes: number, redactor: Redactor, exchange: Exchange): NetworkError {
  return new NetworkError(
    `the remote answer must come whole, got ${bytes} bytes before the connection broke; the service may have made, and charged for, the picture all the same`,
    { code: 'network/truncated', details: { ...exchange, bytes }, cause: redactedCause(thrown, redactor) },
  );
}

/** An error of ours with what is known of the request. */
export function withExchange(error: FluxError, exchange: Exchange): NetworkError {
  return new NetworkError(error.message, { code: error.code as ErrorCode, details: { ...error.details, ...exchange } });
}

/** `undefined` for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Errors of `fetch` may quote headers, so they are retold instead of passed on. */
function redactedCause(thrown: unknown, redactor: Redactor): Error {
  const told = thrown instanceof Error ? thrown : new Error(typeof thrown);
  const cause = new Error(redactor.snippet(told.message));
  cause.name = redactor.snippet(told.name);
  return cause;
}

/** Node's error code (`ECONNREFUSED`), where there is one. */
function reasonOf(thrown: unknown): string | undefined {
  const { cause } = thrown instanceof Error ? thrown : {};
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Text or a number at the first path that leads to one; lists (FastAPI's `["body", "size"]`) with dots between. */
function firstText(json: unknown, paths: readonly Path[], redactor: Redactor): string | undefined {
  for (const path of paths) {
    const value = readPath(json, path);
    const text = Array.isArray(value)
      ? value.filter((step) => step !== 'body' && ['string', 'number'].includes(typeof step)).join('.')
      : value;
    if (typeof text === 'number' || (typeof text === 'string' && text.trim() !== '')) {
      return redactor.snippet(String(text));
    }
  }
  return undefined;
}
