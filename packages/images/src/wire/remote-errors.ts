import {
  DeviceError,
  type ErrorCode,
  FluxError,
  type FluxErrorOptions,
  FormatError,
  InferenceError,
  InputError,
  ModelError,
  NetworkError,
  StorageError,
} from '@flux-srpo/core';
import type { RemoteAnswer } from './errors.ts';
import { STATUSES } from './statuses.ts';

/** The part of `Headers` that is read. */
export interface HeadersLike {
  /** The value of a header, by name in any case. */
  get(name: string): string | null;
}

/** Longest text of a server that gets into a message. */
const MAX_MESSAGE = 300;
/** A server that asks for more is taken at this. */
const MAX_RETRY_AFTER_MS = 60_000;

const CLASSES: Record<string, new (message: string, options: FluxErrorOptions) => FluxError> = {
  input: InputError,
  format: FormatError,
  model: ModelError,
  network: NetworkError,
  storage: StorageError,
  device: DeviceError,
  inference: InferenceError,
};

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
 * The typed error behind an HTTP answer that is not a picture. Never throws, whatever the body: JSON of this endpoint and of its
 * neighbours (`{ error: { message } }`, `{ error: "…" }`, `{ detail: "…" | [{ loc, msg }] }`), HTML, text, nothing.
 *
 * @param body parsed JSON, or the text as it came
 */
export function fromHttpError(status: number, body: unknown, headers?: HeadersLike): FluxError {
  const said = readBody(body);
  const code = codeOf(status, said);
  const Class = CLASSES[code.slice(0, code.indexOf('/'))] ?? FluxError;
  const requestId = headers?.get('x-request-id');
  const retryAfterMs = parseRetryAfter(headers?.get('retry-after'));
  const remote: RemoteAnswer = {
    status,
    ...(said.type === undefined ? {} : { type: said.type }),
    ...(said.param === undefined ? {} : { param: said.param }),
    ...(said.code === undefined ? {} : { code: said.code }),
    ...(requestId ? { requestId: clean(requestId) } : {}),
  };
  return new Class(said.message ?? `the server answered ${status} and did not say why`, {
    code,
    details: {
      status,
      remote,
      ...(said.param === undefined ? {} : { field: said.param }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  });
}

/** Milliseconds of a `Retry-After` header in seconds or as a date, at most a minute; `undefined` where it says nothing. */
export function parseRetryAfter(header: string | null | undefined, now = Date.now()): number | undefined {
  if (!header) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms));
}

interface Said {
  message?: string | undefined;
  type?: string | undefined;
  param?: string | undefined;
  code?: string | undefined;
}

function codeOf(status: number, { code, type }: Said): ErrorCode {
  const known = CODES.get(code ?? '');
  if (known !== undefined) return known;
  const isPolicy = [code, type].some((word) => word === 'content_policy_violation' || word === 'moderation_blocked');
  if (isPolicy) return 'input/content-policy';
  return CODE_BY_STATUS.get(status) ?? 'network/status';
}

function readBody(body: unknown): Said {
  if (typeof body === 'string') return { message: nonEmpty(body) };
  const { error, detail, message } = fields(body);
  if (typeof error === 'object') {
    const inner = fields(error);
    return {
      message: nonEmpty(inner.message),
      type: nonEmpty(inner.type),
      param: nonEmpty(inner.param),
      // Some send the status as a number; ours and OpenAI's are words.
      code: typeof inner.code === 'number' ? String(inner.code) : nonEmpty(inner.code),
    };
  }
  if (Array.isArray(detail)) {
    const { loc, msg, type } = fields(detail[0]);
    const path = Array.isArray(loc) ? loc.filter((step) => step !== 'body').join('.') : undefined;
    return { message: nonEmpty(msg), type: nonEmpty(type), param: nonEmpty(path) };
  }
  return { message: nonEmpty(message) ?? nonEmpty(detail) ?? nonEmpty(error) };
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? clean(value) : undefined;
}

/** One line without control characters, short. */
function clean(text: string): string {
  const line = text
    .slice(0, 4 * MAX_MESSAGE)
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  return line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE)}…` : line;
}
