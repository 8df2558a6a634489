import { boundedPieces, type FluxError, type NetworkError } from '@flux-srpo/core';
import { present } from '../wire/present.ts';
import { AnswerProblem } from './answer.ts';
import { isSecretHeader, readHeaderValue } from './check-options.ts';
import { EventParser } from './event-parser.ts';
import { Failures, parseJson } from './failures.ts';
import { Redactor } from './secrets.ts';
import type { RemoteSettings } from './settings.ts';
import { StreamedError, type StreamReader } from './stream-reader.ts';
import { Watch } from './watch.ts';

/** Most bytes that are looked at of an answer that is not a picture. */
const MAX_ERROR_BYTES = 2 ** 16;
/** What fails in mid-stream can have no status of its own; the body says what it is. */
const MID_STREAM_STATUS = 500;

const EVENTS_TYPE = /^\s*text\/event-stream\s*(;|$)/i;
const JSON_TYPE = /^\s*application\/([\w.-]+\+)?json\s*(;|$)/i;

/** What goes to the service. */
export interface Sending {
  method: 'GET' | 'POST';
  /** JSON. */
  body?: string;
  accept?: string;
}

/**
 * One call to a service. It sends the request, reads the answer within bounds, and makes errors
 * that never show the key.
 */
export class Exchange {
  readonly settings: RemoteSettings;
  readonly watch: Watch;
  readonly #url: URL;
  readonly #redactor = new Redactor();
  readonly #failures = new Failures(this.#redactor, () => this.#details);
  /** How often the request was sent. */
  posts = 0;
  /** What came back, for the errors. */
  #answered: Record<string, unknown> = {};

  constructor(settings: RemoteSettings, url: URL, signal: AbortSignal | undefined) {
    this.settings = settings;
    this.#url = url;
    this.watch = new Watch(signal, settings.timeouts.total, () => this.#details);
  }

  /** Sends the request once, and waits for the headers of the answer. */
  async send({ method, body, accept = 'application/json' }: Sending): Promise<Response> {
    const { fetch, timeouts } = this.settings;
    const headers = await this.#headers(
      body === undefined ? { accept } : { accept, 'content-type': 'application/json' },
    );
    if (method === 'POST') this.posts++;
    const sent = Promise.resolve().then(() =>
      fetch(this.#url, {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
        signal: this.watch.signal,
        // A redirect would take the key and the prompt elsewhere, and would be a second request.
        redirect: 'error',
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        cache: 'no-store',
      }),
    );
    try {
      return await this.watch.race("the answer's headers", 'headers', timeouts.headers, sent);
    } catch (thrown) {
      if (this.watch.signal.aborted) throw this.watch.signal.reason;
      throw this.#failures.noAnswer(thrown);
    }
  }

  /** The JSON of a 2xx answer. @throws AnswerProblem */
  async readJson(response: Response): Promise<unknown> {
    const type = response.headers.get('content-type');
    const isJson = type === null || JSON_TYPE.test(type);
    const { text, bytes, failure } = await this.#readText(response, isJson ? this.settings.maxBytes : MAX_ERROR_BYTES);
    if (this.watch.signal.aborted) throw this.watch.signal.reason;
    this.#answered = present({
      status: response.status,
      snippet: this.#redactor.snippet(
        text.slice(0, MAX_ERROR_BYTES),
        failure !== undefined || text.length > MAX_ERROR_BYTES,
      ),
      contentType: type === null ? undefined : this.#redactor.snippet(type),
    });
    if (!isJson) throw new AnswerProblem('it must be JSON, got another content-type');
    if (failure instanceof AnswerProblem) throw failure;
    if (failure !== undefined) throw this.#failures.cut(failure, bytes);
    if (text.trim() === '') throw new AnswerProblem('it must be JSON, got nothing');
    const json = parseJson(text);
    if (json === undefined) throw new AnswerProblem('it must be JSON, got text that does not parse');
    return json;
  }

  /**
   * Hands the events of a 2xx answer to the reader until it has all pictures. It does not wait for
   * the end of the connection, which a service may keep open.
   */
  async readEvents(response: Response, reader: StreamReader): Promise<void> {
    this.#answered = { status: response.status };
    const decoder = utf8Decoder();
    const parser = new EventParser();
    let bytes = 0;
    try {
      for await (const piece of this.#pieces(response, this.settings.maxBytes)) {
        bytes += piece.length;
        for (const event of parser.push(decoder(piece))) {
          if (!reader.isComplete) reader.take(event);
        }
        if (reader.isComplete) break;
      }
    } catch (error) {
      if (this.watch.signal.aborted) throw this.watch.signal.reason;
      if (error instanceof StreamedError) throw this.#refused(response, error.body, false, MID_STREAM_STATUS);
      throw error instanceof AnswerProblem ? error : this.#failures.cut(error, bytes);
    }
    if (this.watch.signal.aborted) throw this.watch.signal.reason;
  }

  /**
   * The error behind an answer other than 2xx. If the text of the answer does not come, its status
   * is enough, unless the caller has aborted.
   */
  async refusal(response: Response): Promise<FluxError> {
    const { text, failure } = await this.#readText(response, MAX_ERROR_BYTES);
    if (this.watch.isCallerAborted) throw this.watch.signal.reason;
    return this.#refused(response, text, failure !== undefined);
  }

  #refused({ status, headers }: Response, text: string, isCut: boolean, statusOfError = status): FluxError {
    return this.#failures.refused({ status: statusOfError, headers, text, isCut }, this.settings.service.error);
  }

  /** The error for a 2xx answer that is not one. */
  invalid({ message }: AnswerProblem): NetworkError {
    return this.#failures.invalid(message, this.#answered);
  }

  /** What every error says of the request. The URL is without its query, where some put keys. */
  get #details(): Record<string, unknown> {
    const { origin, pathname } = this.#url;
    return { service: this.settings.service.name, url: origin + pathname, posts: this.posts };
  }

  async #headers(own: Record<string, string>): Promise<Headers> {
    const { apiKey, headers, service, timeouts } = this.settings;
    const all = new Headers(own);
    for (const [name, value] of Object.entries(headers)) {
      if (isSecretHeader(name)) this.#redactor.add(value);
      all.set(name, value);
    }
    if (apiKey === undefined) return all;
    const asked = typeof apiKey === 'string' ? Promise.resolve(apiKey) : Promise.resolve().then(apiKey);
    const key = readHeaderValue(await this.watch.race('the result of apiKey()', 'key', timeouts.key, asked), 'apiKey');
    const { header, scheme } = service.auth;
    // A key with a blank in it brings its scheme along.
    const value = scheme === undefined || /\s/.test(key) ? key : `${scheme} ${key}`;
    this.#redactor.add(value);
    all.set(header, value);
    return all;
  }

  #pieces(response: Response, maxBytes: number): AsyncGenerator<Uint8Array> {
    return boundedPieces(response, {
      maxBytes,
      tooLarge: () => new AnswerProblem(`it must be at most ${maxBytes} bytes (maxBytes), got more`),
      guard: (read) => this.watch.race('the next piece of the answer', 'stall', this.settings.timeouts.stall, read()),
    });
  }

  /** The body as far as it came and was UTF-8, and why it ended early. */
  async #readText(response: Response, maxBytes: number): Promise<{ text: string; bytes: number; failure?: unknown }> {
    const decoder = utf8Decoder();
    let text = '';
    let bytes = 0;
    try {
      for await (const piece of this.#pieces(response, maxBytes)) {
        bytes += piece.length;
        text += decoder(piece);
      }
      return { text: text + decoder(), bytes };
    } catch (failure) {
      return { text, bytes, failure };
    }
  }
}

export function isEventStream(response: Response): boolean {
  return EVENTS_TYPE.test(response.headers.get('content-type') ?? '');
}

/**
 * Decodes piece by piece. A call without a piece ends the text. @throws AnswerProblem for other
 * bytes than UTF-8
 */
function utf8Decoder(): (piece?: Uint8Array) => string {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  return (piece) => {
    try {
      return decoder.decode(piece, { stream: piece !== undefined });
    } catch {
      throw new AnswerProblem('it must be UTF-8, got other bytes');
    }
  };
}
