import { type FluxError, NetworkError } from '@flux-srpo/core';
import { present } from '../wire/present.ts';
import { type ErrorPaths, fromHttpError, type HeadersLike } from '../wire/remote-errors.ts';
import type { Redactor } from './secrets.ts';

/** How Node's `fetch` (undici) calls its own time limits. */
const NODE_TIMEOUTS = ['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT'];

const MAY_BE_MADE = 'the service may have made, and charged for, the picture all the same';

/** A refusal, as it came. */
export interface Refusal {
  status: number;
  headers: HeadersLike;
  text: string;
  /** Whether more of the text was to come. */
  isCut: boolean;
}

/** The errors of one exchange. Each says which request failed, and none shows the key. */
export class Failures {
  readonly #redactor: Redactor;
  readonly #details: () => Record<string, unknown>;

  /** @param details what every error says of the request */
  constructor(redactor: Redactor, details: () => Record<string, unknown>) {
    this.#redactor = redactor;
    this.#details = details;
  }

  /** The error behind a status other than 2xx, from whatever of the body came. */
  refused({ status, headers, text, isCut }: Refusal, paths: ErrorPaths | undefined): FluxError {
    const snippet = this.#redactor.snippet(text, isCut);
    return fromHttpError(status, parseJson(text) ?? snippet, headers, {
      ...present({ paths }),
      clean: (said) => this.#redactor.snippet(said),
      details: present({ ...this.#details(), snippet: snippet === '' ? undefined : snippet }),
    });
  }

  /** A 2xx answer that is not one. */
  invalid(problem: string, answered: Record<string, unknown>): NetworkError {
    return new NetworkError(`the remote answer is not usable: ${problem}; ${MAY_BE_MADE}`, {
      code: 'network/response-invalid',
      details: { ...this.#details(), ...answered },
    });
  }

  /**
   * `fetch` threw before there was an answer. Browsers do not tell a refused connection, a CORS
   * refusal and a redirect apart.
   */
  noAnswer(thrown: unknown): NetworkError {
    const reason = reasonOf(thrown);
    const isTimeout = NODE_TIMEOUTS.includes(reason ?? '');
    const { url } = this.#details();
    const message = isTimeout
      ? 'did not answer in the time that the fetch of this platform gives it'
      : 'gave no answer: not reachable, the connection broke, a redirect (none is followed), or CORS forbids to read it';
    return new NetworkError(`${url} ${message}`, {
      code: isTimeout ? 'network/timeout' : 'network/unreachable',
      details: present({ ...this.#details(), reason: reason && this.#redactor.snippet(reason) }),
      cause: this.#retold(thrown),
    });
  }

  /** The connection ended before the answer did. */
  cut(thrown: unknown, bytes: number): NetworkError {
    return new NetworkError(
      `the remote answer must come whole, got ${bytes} bytes before the connection broke; ${MAY_BE_MADE}`,
      { code: 'network/truncated', details: { ...this.#details(), bytes }, cause: this.#retold(thrown) },
    );
  }

  /** Errors of `fetch` may quote headers, so a copy without the key is passed on. */
  #retold(thrown: unknown): Error {
    const told = thrown instanceof Error ? thrown : new Error(typeof thrown);
    const cause = new Error(this.#redactor.snippet(told.message));
    cause.name = this.#redactor.snippet(told.name);
    return cause;
  }
}

/** `undefined` for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Node's error code (`ECONNREFUSED`), where there is one. */
function reasonOf(thrown: unknown): string | undefined {
  const { cause } = thrown instanceof Error ? thrown : {};
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
