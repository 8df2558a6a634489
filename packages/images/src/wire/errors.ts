import { type FluxError, isFluxError } from '@flux-srpo/core';
import { STATUSES } from './statuses.ts';

/** An error as an HTTP answer. */
export interface HttpError {
  status: number;
  headers: Record<string, string>;
  body: { error: { message: string; type: string; param: string | null; code: string } };
}

/** The client went away. HTTP has no status for that; nginx uses this one. */
const STATUS_ABORTED = 499;

/** Seconds after which a full queue may be worth another try: about one small picture. */
const RETRY_AFTER_SECONDS = 5;

/**
 * The HTTP answer for any error. `x-should-retry` is true only where another try can help: without
 * it, clients such as openai-node would repeat an out-of-memory twice. The text of errors that are
 * not this library's is not sent.
 */
export function toHttpError(error: unknown): HttpError {
  if (isFluxError(error)) return fromFluxError(error);
  if (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')) {
    return answer(STATUS_ABORTED, 'invalid_request_error', 'aborted', 'the request was aborted', null);
  }
  return answer(500, 'server_error', 'internal_error', 'internal error', null);
}

function fromFluxError(error: FluxError): HttpError {
  const { field, remote, retryAfterMs } = error.details as {
    field?: string;
    remote?: Partial<RemoteAnswer>;
    retryAfterMs?: number;
  };
  const [status, type, code] = STATUSES[error.code];
  const result = answer(
    remote?.status ?? status,
    remote?.type ?? type,
    remote?.code ?? code,
    error.message,
    remote?.param ?? field ?? null,
  );
  if (result.status === 429 || error.code === 'network/stopping') {
    const seconds = retryAfterMs === undefined ? RETRY_AFTER_SECONDS : Math.ceil(retryAfterMs / 1000);
    result.headers['retry-after'] = String(seconds);
    result.headers['x-should-retry'] = 'true';
  }
  return result;
}

function answer(status: number, type: string, code: string, message: string, param: string | null): HttpError {
  return {
    status,
    headers: { 'content-type': 'application/json', 'x-should-retry': 'false' },
    body: { error: { message, type, param, code } },
  };
}

/** What a server said, in `details.remote` of the error. What it did not say is absent. */
export interface RemoteAnswer {
  status: number;
  type?: string;
  param?: string;
  code?: string;
  requestId?: string;
}
