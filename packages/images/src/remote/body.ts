import { type BodyBounds, boundedPieces, isFluxError } from '@flux-srpo/core';
import { decodePieces } from '../wire/decode-pieces.ts';
import { type Exchange, MAY_BE_MADE } from './exchange.ts';

/** Most bytes that are looked at of an answer that is not a picture. */
const MAX_ERROR_BYTES = 2 ** 16;
const JSON_TYPE = /^\s*application\/([\w.-]+\+)?json\s*(;|$)/i;

/** The JSON of a 2xx answer. */
export async function readJson(exchange: Exchange, response: Response): Promise<unknown> {
  const type = response.headers.get('content-type') ?? 'application/json';
  if (!JSON_TYPE.test(type)) {
    await readRefusal(exchange, response);
    throw exchange.invalid('it must be JSON, got another content-type', { contentType: exchange.clean(type) });
  }
  const text = await readText(exchange, response, exchange.settings.maxBytes);
  const json = parseJson(text);
  if (json !== undefined) return json;
  throw exchange.invalid(`it must be JSON, got ${text.trim() === '' ? 'nothing' : 'text that does not parse'}`);
}

/** The JSON of an answer that is not a picture; `undefined` where none came, or not all of it. */
export async function readRefusal(exchange: Exchange, response: Response): Promise<unknown> {
  return parseJson(await readText(exchange, response, MAX_ERROR_BYTES).catch(() => ''));
}

/** The whole text. What came of it is in `answered.snippet`, even where it ended early. */
async function readText(exchange: Exchange, response: Response, maxBytes: number): Promise<string> {
  let text = '';
  let isCut = true;
  try {
    for await (const piece of readPieces(exchange, response, maxBytes)) text += piece;
    isCut = text.length > MAX_ERROR_BYTES;
    return text;
  } finally {
    const snippet = exchange.clean(text.slice(0, MAX_ERROR_BYTES), isCut);
    if (snippet !== '') exchange.answered.snippet = snippet;
  }
}

/** The text of an answer, piece by piece. Whoever leaves the loop closes the connection. */
export function readPieces(exchange: Exchange, response: Response, maxBytes: number): AsyncGenerator<string> {
  const notUtf8 = () => exchange.invalid('it must be UTF-8, got other bytes');
  return decodePieces(boundedPieces(response, bounds(exchange, maxBytes)), notUtf8);
}

/** Bounds of a body, and the clock beside it. */
export function bounds(exchange: Exchange, maxBytes: number): BodyBounds {
  return {
    maxBytes,
    tooLarge: () => exchange.invalid(`it must be at most ${maxBytes} bytes (maxBytes), got more`),
    guard: (read) => exchange.within('stall', read),
    broken(cause, bytes) {
      if (isFluxError(cause)) return cause;
      const message = `the remote answer must come whole, got ${bytes} bytes before the connection broke; ${MAY_BE_MADE}`;
      return exchange.error('network/truncated', message, { bytes, reason: exchange.reasonOf(cause) });
    },
  };
}

/** `undefined` for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
