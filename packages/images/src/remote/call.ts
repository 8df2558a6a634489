import type { NetworkError } from '@flux-srpo/core';
import { cutAnswer, type Exchange, invalidAnswer, noAnswer, parseJson } from './failures.ts';
import type { RemoteSettings } from './options.ts';
import { readText } from './read-body.ts';
import { checkHeaderValue, isSecretHeader, type Redactor } from './secrets.ts';
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

const JSON_TYPE = /^\s*application\/([\w.-]+\+)?json\s*(;|$)/i;

/** Sends the request once, and waits for the headers of the answer. */
export async function send(call: Call, payload: string): Promise<Response> {
  const { settings, watch, redactor, exchange } = call;
  const headers = await makeHeaders(call);
  exchange.posts++;
  const sent = Promise.resolve().then(() =>
    settings.fetch(settings.url, {
      method: 'POST',
      headers,
      body: payload,
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

async function makeHeaders({ settings, watch, redactor }: Call): Promise<Headers> {
  const { apiKey, headers, service, timeouts } = settings;
  const all = new Headers({ accept: 'application/json', 'content-type': 'application/json' });
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
