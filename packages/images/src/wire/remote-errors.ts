import { type ErrorCode, type ErrorDetails, errorClass, type FluxError, parseRetryAfter } from '@flux-srpo/core';
import type { RemoteAnswer } from './errors.ts';
import { type Path, readPath } from './json-path.ts';
import { present } from './present.ts';
import { STATUSES } from './statuses.ts';

/** The part of `Headers` that is read. */
export interface HeadersLike {
  /** The value of a header, by name in any case. */
  get(name: string): string | null;
}

/** Where a refusal says what: the first path that leads to a text or a number counts. */
export type ErrorPaths = Readonly<Record<'message' | 'type' | 'param' | 'code', readonly Path[]>>;

/** `{ error: { message, type, param, code } }`, and what proxies and FastAPI say instead. */
export const ERROR_PATHS: ErrorPaths = {
  message: ['error.message', 'message', 'detail.0.msg', 'detail', 'error'],
  type: ['error.type', 'detail.0.type'],
  param: ['error.param', 'detail.0.loc'],
  code: ['error.code'],
};

/** How an answer is read. */
export interface ErrorReading {
  /** @default ERROR_PATHS */
  paths?: ErrorPaths;
  /**
   * Makes the server's text fit for a message.
   * @default one short line without control characters
   */
  clean?: (text: string) => string;
  /** Added to the error's `details`. */
  details?: ErrorDetails;
}

/** Longest text of a server that gets into a message. */
const MAX_MESSAGE = 300;
/** A server that asks for a longer wait is taken to ask for this one. */
const MAX_RETRY_AFTER_MS = 60_000;

const CODES: ReadonlyMap<string, ErrorCode> = new Map(
  Object.entries(STATUSES).map(([code, [, , wireCode]]) => [wireCode, code as ErrorCode]),
);

const CODE_BY_STATUS: ReadonlyMap<number, ErrorCode> = new Map([
  [400, 'input/rejected'],
  [401, 'input/unauthorized'],
  [403, 'input/unauthorized'],
  [404, 'model/not-found'],
  [408, 'network/timeout'],
  [413, 'input/too-large'],
  [422, 'input/rejected'],
  [429, 'network/rate-limited'],
  [504, 'network/timeout'],
]);

/**
 * The typed error behind an HTTP answer that is not a picture. Never throws, whatever the body:
 * JSON of this endpoint and of its neighbours, HTML, text, nothing.
 *
 * @param body parsed JSON, or the text as it came
 */
export function fromHttpError(
  status: number,
  body: unknown,
  headers?: HeadersLike,
  { paths = ERROR_PATHS, clean = oneLine, details }: ErrorReading = {},
): FluxError {
  const textAt = (field: keyof ErrorPaths): string | undefined => firstText(body, paths[field], clean);
  const said = { type: textAt('type'), param: textAt('param'), code: textAt('code') };
  const message = (typeof body === 'string' && clean(body)) || textAt('message');
  const code = codeOf(status, said);
  const requestId = headers?.get('x-request-id');
  const retryAfterMs = parseRetryAfter(headers?.get('retry-after'));
  const remote: RemoteAnswer = present({ status, ...said, requestId: requestId ? clean(requestId) : undefined });
  return new (errorClass(code))(message || `the server answered ${status} and did not say why`, {
    code,
    details: present({
      status,
      remote,
      field: said.param,
      retryAfterMs: retryAfterMs && Math.min(MAX_RETRY_AFTER_MS, retryAfterMs),
      ...details,
    }),
  });
}

function codeOf(status: number, { code, type }: { code: string | undefined; type: string | undefined }): ErrorCode {
  const known = CODES.get(code ?? '');
  if (known !== undefined) return known;
  const isPolicy = [code, type].some((word) => word === 'content_policy_violation' || word === 'moderation_blocked');
  if (isPolicy) return 'input/content-policy';
  return CODE_BY_STATUS.get(status) ?? 'network/status';
}

/** Lists (FastAPI's `["body", "size"]`) become text with dots between. */
function firstText(body: unknown, paths: readonly Path[], clean: (text: string) => string): string | undefined {
  for (const path of paths) {
    const value = readPath(body, path);
    const parts = (Array.isArray(value) ? value.filter((part) => part !== 'body') : [value]).filter((part) =>
      ['string', 'number'].includes(typeof part),
    );
    const text = clean(parts.join('.'));
    if (text !== '') return text;
  }
  return undefined;
}

/** One line without control characters, short. */
function oneLine(text: string): string {
  const line = text
    .slice(0, 4 * MAX_MESSAGE)
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  return line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE)}…` : line;
}
