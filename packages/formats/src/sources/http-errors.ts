import { FormatError, NetworkError, parseRetryAfter } from '@flux-srpo/core';

/** What to do about a status, by its number. */
const ADVICE: Readonly<Record<number, string>> = {
  401: 'it asks for an access token, or for another one',
  403: 'it gives this file to others only; on a hub, accept the terms of the model first',
  404: 'check the address',
  410: 'check the address',
  429: 'it wants fewer requests; try again later',
};

/** The error for an answer that a server must not give. `problem` follows "the server". */
export function badAnswer(name: string, problem: string, details: Record<string, unknown> = {}): NetworkError {
  return new NetworkError(`${name}: the server ${problem}`, { code: 'network/status', details: { name, ...details } });
}

/** The error for a status that brings no bytes of the file. */
export function badStatus(name: string, { status, statusText, headers, redirected }: Response): NetworkError {
  const advice = ADVICE[status] ?? (status >= 500 ? 'try again later' : undefined);
  const got = `${status} ${statusText}`.trimEnd();
  const retryAfterMs = parseRetryAfter(headers.get('retry-after'));
  return badAnswer(name, `must answer with 206, got ${advice === undefined ? got : `${got}; ${advice}`}`, {
    status,
    ...(redirected ? { redirected } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** The error for an answer from which the size of the file cannot be known. */
export function noSize(name: string, { headers }: Response): NetworkError {
  const encoding = headers.get('content-encoding');
  const got = encoding === null ? 'none' : `one that content-encoding "${encoding}" makes meaningless`;
  return badAnswer(name, `must tell the size of the file, got ${got}; download the file first`);
}

/** The error for a file that is shorter than what is known of it. */
export function noRange(name: string, size: number, offset: number, length: number): FormatError {
  return new FormatError(
    `${name}: expected ${size} bytes, but the server has no ${length} bytes at ${offset}; has the file changed?`,
    {
      code: 'format/truncated',
      details: { name, size, offset, length },
    },
  );
}

export function shortBody(name: string, expected: number, got: number): NetworkError {
  return new NetworkError(`${name}: expected ${expected} bytes of body, got ${got}; try again`, {
    code: 'network/truncated',
    details: { name, expected, got },
  });
}

export function silentServer(name: string, stallMs: number): NetworkError {
  return new NetworkError(`${name}: the server has sent nothing for ${stallMs / 1000} seconds; try again`, {
    code: 'network/timeout',
    details: { name, stallMs },
  });
}

export function unreachable(name: string, host: string, cause: unknown): NetworkError {
  const problem = `${host} could not be reached, or the connection broke`;
  return new NetworkError(`${name}: ${problem}; check the connection and the address, and try again`, {
    code: 'network/unreachable',
    details: { name, host },
    cause,
  });
}
