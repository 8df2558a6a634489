import { type FluxError, NetworkError, sleep, strict } from '@flux-srpo/core';
import { readPath } from '../wire/json-path.ts';
import { present } from '../wire/present.ts';
import { fromHttpError } from '../wire/remote-errors.ts';
import { isSecretHeader, type RemoteTimeouts, readHeaderValue } from './options.ts';
import { Redactor } from './redactor.ts';
import type { RemoteSettings } from './settings.ts';

/** Longest delay of `setTimeout`: 24 days stand for `Infinity`. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** How Node's `fetch` (undici) calls its own time limits. */
const NODE_TIMEOUT = /^(UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT|ETIMEDOUT)$/;
export const MAY_BE_MADE = 'the service may have made, and charged for, the picture all the same';

/** What each clock waits for. */
const AWAITED: Record<keyof RemoteTimeouts, string> = {
  key: 'the result of apiKey()',
  headers: "the answer's headers",
  stall: 'the next piece of the answer',
  total: 'the whole request',
};

/**
 * Runs one call to a service. It ends with the caller's signal or when its time is up, even if what
 * `work` waits for listens to neither; then whatever still goes over the network is stopped.
 */
export async function withExchange<T>(
  settings: RemoteSettings,
  url: URL,
  caller: AbortSignal | undefined,
  work: (exchange: Exchange) => Promise<T>,
): Promise<T> {
  caller?.throwIfAborted();
  const controller = new AbortController();
  const follow = () => controller.abort(caller?.reason);
  caller?.addEventListener('abort', follow);
  try {
    const exchange = new Exchange(settings, url, controller.signal);
    return await exchange.within('total', () => work(exchange));
  } finally {
    caller?.removeEventListener('abort', follow);
    controller.abort();
  }
}

/** Sends a request, keeps to the limits of time, and makes errors that never show the key. */
export class Exchange {
  readonly settings: RemoteSettings;
  /** Aborted by the caller, and at the end. */
  readonly signal: AbortSignal;
  /** What came back, for the errors. */
  answered: { status?: number; snippet?: string } = {};
  /** How often the request was sent. */
  posts = 0;
  /** When the whole exchange must be done, in milliseconds as `performance.now` has them. */
  readonly endsAt: number;
  readonly #url: URL;
  readonly #redactor = new Redactor();

  constructor(settings: RemoteSettings, url: URL, signal: AbortSignal) {
    this.settings = settings;
    this.signal = signal;
    this.#url = url;
    this.endsAt = performance.now() + settings.timeouts.total;
  }

  /** Sends the request, and waits for the headers of the answer. @param body of a POST, as JSON */
  async send(accept: string, body?: string): Promise<Response> {
    this.answered = {};
    const headers = await this.#headers(accept, body);
    if (body !== undefined) this.posts++;
    const init = body === undefined ? { method: 'GET' } : { method: 'POST', body };
    const response = await this.fetch(this.#url, { ...init, headers, cache: 'no-store' });
    this.answered = { status: response.status };
    return response;
  }

  /** Fetches without telling who asks, and waits for the headers of the answer. */
  fetch(url: URL, init: RequestInit = {}): Promise<Response> {
    const { fetch } = this.settings;
    // A redirect would take the key and the prompt elsewhere, and would be a second request.
    const quiet = { redirect: 'error', credentials: 'omit', referrerPolicy: 'no-referrer' } as const;
    return this.within('headers', async () => {
      try {
        return await fetch(url, { ...init, ...quiet, signal: this.signal });
      } catch (thrown) {
        const reason = this.reasonOf(thrown);
        const isLate = NODE_TIMEOUT.test(reason);
        // Browsers do not tell the others apart.
        const problem = isLate
          ? 'did not answer in the time that the fetch of this platform gives it'
          : 'gave no answer: not reachable, the connection broke, a redirect (none is followed), or CORS forbids to read it';
        throw this.error(isLate ? 'network/timeout' : 'network/unreachable', `${addressOf(url)} ${problem}`, {
          reason,
        });
      }
    });
  }

  /** What `work` gives, unless the limit comes first, or the end of the whole exchange. */
  async within<T>(limit: keyof RemoteTimeouts, work: () => Promise<T>): Promise<T> {
    const ms = this.settings.timeouts[limit];
    const done = new AbortController();
    const clock = sleep(Math.min(ms, MAX_DELAY_MS), AbortSignal.any([this.signal, done.signal]));
    const late = clock.then(() => {
      const message = `${AWAITED[limit]} must come within ${ms} ms, got nothing; raise timeouts.${limit} if that is normal`;
      throw this.error('network/timeout', message, { limit, ms });
    });
    return Promise.race([late, work()]).finally(() => done.abort());
  }

  /** What `read` makes of an answer. What a strict reader refuses there is the service's fault. */
  understood<T>(read: () => T): T {
    return strict.readAs(read, ({ details: { field, expected = 'there' } }) =>
      this.invalid(`${field} must be ${expected}, got something else`),
    );
  }

  /** The error for a 2xx answer that is not one. @param problem shows nothing of the answer */
  invalid(problem: string, details?: object): NetworkError {
    const message = `the remote answer is not usable: ${problem}; ${MAY_BE_MADE}`;
    return this.error('network/response-invalid', message, details);
  }

  /** The error that a server tells of. @param body JSON; `undefined` where that did not come */
  refused(status: number, body: unknown, headers: Headers): FluxError {
    return fromHttpError(status, body ?? this.answered.snippet, headers, {
      ...present({ paths: this.settings.service.error }),
      clean: (said) => this.clean(said),
      details: this.#details,
    });
  }

  error(code: NetworkError['code'], message: string, details?: object): NetworkError {
    return new NetworkError(message, { code, details: { ...this.#details, ...details } });
  }

  /** A text from outside, fit to be shown. */
  clean(text: string, isCut = false): string {
    return this.#redactor.snippet(text, isCut);
  }

  /** Node's error code (`ECONNREFUSED`), where there is one. */
  reasonOf(thrown: unknown): string {
    const code = readPath(thrown, 'cause.code');
    return this.clean(typeof code === 'string' ? code : thrown instanceof Error ? String(thrown) : typeof thrown);
  }

  /** What every error says. The URL is without its query, where some put keys. */
  get #details(): Record<string, unknown> {
    const { name } = this.settings.service;
    return { service: name, url: addressOf(this.#url), posts: this.posts, ...this.answered };
  }

  async #headers(accept: string, body: string | undefined): Promise<Headers> {
    const { apiKey, headers, service } = this.settings;
    const all = new Headers(body === undefined ? { accept } : { accept, 'content-type': 'application/json' });
    for (const [name, value] of Object.entries(headers)) {
      if (isSecretHeader(name)) this.#redactor.add(value);
      all.set(name, value);
    }
    if (apiKey === undefined) return all;
    const asked = await this.within('key', async () => (typeof apiKey === 'string' ? apiKey : apiKey()));
    const key = readHeaderValue(asked, 'apiKey');
    const { header, scheme } = service.auth;
    // A key with a blank in it brings its scheme along.
    const value = scheme === undefined || /\s/.test(key) ? key : `${scheme} ${key}`;
    this.#redactor.add(value);
    all.set(header, value);
    return all;
  }
}

function addressOf({ origin, pathname }: URL): string {
  return origin + pathname;
}
