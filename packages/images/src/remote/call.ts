import type { FluxError, NetworkError } from '@flux-srpo/core';
import { type Answer, AnswerProblem } from './answer.ts';
import { cutAnswer, type Exchange, invalidAnswer, noAnswer, parseJson, refusal } from './failures.ts';
import { checkHeaderValue, isSecretHeader } from './header-value.ts';
import type { RemoteSettings } from './options.ts';
import { readEvents, readText } from './read-body.ts';
import type { Redactor } from './secrets.ts';
import { StreamedError, type StreamReader } from './stream-reader.ts';
import type { Watch } from './watch.ts';

/** One `generate` on its way. */
export interface Call {
  settings: RemoteSettings;
  watch: Watch;
  redactor: Redactor;
  /** `posts` counts up. */
  exchange: Exchange;
}

/** Most bytes that are looked at of an answer that is not a picture. */
export const MAX_ERROR_BYTES = 2 ** 16;

const EVENTS_TYPE = /^\s*text\/event-stream\s*(;|$)/i;
const JSON_TYPE = /^\s*application\/([\w.-]+\+)?json\s*(;|$)/i;

const MID_STREAM_STATUS = 500;

export interface Sending {
  method: 'GET' | 'POST';
  url: URL;
  /** JSON. */
  body?: string;
  /** @default 'application/json' */
  accept?: string;
}

/** Sends a request once, and waits for the headers of the answer. */
export async function send(call: Call, { method, url, body, accept }: Sending): Promise<Response> {
  const { settings, watch, redactor, exchange } = call;
  const headers = await makeHeaders(call, accept, body !== undefined);
  if (method === 'POST') exchange.posts++;
  const sent = Promise.resolve().then(() =>
    settings.fetch(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      signal: watch.signal,
      // A redirect would take the key and the prompt elsewhere, and would be a second request.
      redirect: 'error',
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      cache: 'no-store',
    }),
  );
  try {
    return await watch.race("the answer's headers", 'headers', settings.timeouts.headers, sent);
  } catch (thrown) {
    if (watch.signal.aborted) throw watch.signal.reason;
    throw noAnswer(thrown, redactor, exchange);
  }
}

async function makeHeaders(
  { settings, watch, redactor }: Call,
  accept = 'application/json',
  hasBody: boolean,
): Promise<Headers> {
  const { apiKey, headers, service, timeouts } = settings;
  const all = new Headers({ accept, ...(hasBody ? { 'content-type': 'application/json' } : {}) });
  for (const [name, value] of Object.entries(headers)) {
    if (isSecretHeader(name)) redactor.add(value);
    all.set(name, value);
  }
  if (apiKey === undefined) return all;
  const key =
    typeof apiKey === 'string'
      ? apiKey
      : await watch.race('the result of apiKey()', 'key', timeouts.key, Promise.resolve().then(apiKey));
  redactor.add(checkHeaderValue(key, 'apiKey'));
  all.set(service.authHeader, key);
  return all;
}

/** The JSON of a 2xx answer, and what to throw when it turns out not to be an answer. */
export async function readJson(
  { settings, watch, redactor, exchange }: Call,
  response: Response,
): Promise<{ json: unknown; invalid: (expectedAndGot: string) => NetworkError }> {
  const { status } = response;
  const { maxBytes } = settings;
  const type = response.headers.get('content-type');
  const isJson = type === null || JSON_TYPE.test(type);
  const limits = { maxBytes: isJson ? maxBytes : MAX_ERROR_BYTES, stallMs: settings.timeouts.stall };
  const { text, bytes, end, cause } = await readText(response, limits, watch);
  if (watch.signal.aborted) throw watch.signal.reason;

  const isCut = end !== 'complete' || text.length > MAX_ERROR_BYTES;
  const snippet = redactor.snippet(text.slice(0, MAX_ERROR_BYTES), isCut);
  const details = { status, snippet, ...(type === null ? {} : { contentType: redactor.snippet(type) }) };
  const invalid = (expectedAndGot: string): NetworkError => invalidAnswer(expectedAndGot, details, exchange);
  if (!isJson) throw invalid('it must be JSON, got another content-type');
  if (end === 'broken') throw cutAnswer(cause, bytes, redactor, exchange);
  if (end === 'too-large') throw invalid(`it must be at most ${maxBytes} bytes (maxBytes), got more`);
  if (end === 'not-utf8') throw invalid('it must be UTF-8, got other bytes');
  if (text.trim() === '') throw invalid('it must be JSON, got nothing');
  const json = parseJson(text);
  if (json === undefined) throw invalid('it must be JSON, got text that does not parse');
  return { json, invalid };
}

export function isEventStream(response: Response): boolean {
  return EVENTS_TYPE.test(response.headers.get('content-type') ?? '');
}

/** The answer that a stream of events makes, bounded as a whole answer is. */
export async function readStream(
  { settings, watch, redactor, exchange }: Call,
  response: Response,
  reader: StreamReader,
  warn: Parameters<StreamReader['answer']>[0],
): Promise<Answer> {
  const limits = { maxBytes: settings.maxBytes, stallMs: settings.timeouts.stall };
  const { end, cause, bytes } = await readEvents(response, limits, watch, (event) => {
    reader.take(event);
    // A service may keep the connection.
    return reader.isComplete ? 'enough' : undefined;
  });
  if (watch.signal.aborted) throw watch.signal.reason;
  const invalid = (problem: string) => invalidAnswer(problem, { status: response.status }, exchange);
  if (cause instanceof AnswerProblem) throw invalid(cause.message);
  if (cause instanceof StreamedError) {
    // What fails in mid-stream can have no status of its own; the body says what it is.
    const said = { status: MID_STREAM_STATUS, headers: response.headers };
    throw refusal(settings.service, said, { text: cause.body, isCut: false }, redactor, exchange);
  }
  if (end === 'broken') throw cutAnswer(cause, bytes, redactor, exchange);
  if (end === 'too-large') throw invalid(`it must be at most ${limits.maxBytes} bytes (maxBytes), got more`);
  try {
    return reader.answer(warn);
  } catch (error) {
    throw error instanceof AnswerProblem ? invalid(error.message) : error;
  }
}

/** The error behind an answer other than 2xx. A refusal whose text does not come is one all the same, unless the caller has left. */
export async function refusalOf({ settings, watch, redactor, exchange }: Call, response: Response): Promise<FluxError> {
  const limits = { maxBytes: MAX_ERROR_BYTES, stallMs: settings.timeouts.stall };
  const { text, end } = await readText(response, limits, watch);
  if (watch.isCallerAborted) throw watch.signal.reason;
  return refusal(settings.service, response, { text, isCut: end !== 'complete' }, redactor, exchange);
}
