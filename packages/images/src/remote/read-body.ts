import { boundedPieces, isFluxError } from '@flux-srpo/core';
import { type Exchange, MAY_BE_MADE } from './exchange.ts';

/** Most bytes that are looked at of an answer that is not a picture. */
const MAX_ERROR_BYTES = 2 ** 16;
const JSON_TYPE = /^\s*application\/([\w.-]+\+)?json\s*(;|$)/i;

/** Bounds of a body, and the clock beside it. */
export function bounds(exchange: Exchange, maxBytes: number): Parameters<typeof boundedPieces>[1] {
  return {
    maxBytes,
    tooLarge: () => exchange.invalid(`it must be at most ${maxBytes} bytes (maxBytes), got more`),
    guard: (read) => exchange.within('stall', read),
  };
}

/** The JSON of a 2xx answer. */
export async function readJson(exchange: Exchange, response: Response): Promise<unknown> {
  const type = response.headers.get('content-type');
  const isJson = type === null || JSON_TYPE.test(type);
  const { text, failure } = await readText(exchange, response, isJson ? exchange.settings.maxBytes : undefined);
  if (!isJson) {
    throw exchange.invalid('it must be JSON, got another content-type', { contentType: exchange.clean(type) });
  }
  if (failure !== undefined) throw failure;
  const json = parseJson(text);
  if (json !== undefined) return json;
  throw exchange.invalid(`it must be JSON, got ${text.trim() === '' ? 'nothing' : 'text that does not parse'}`);
}

/** The text as far as it came and was UTF-8, and why it ended early. */
export async function readText(
  exchange: Exchange,
  response: Response,
  maxBytes = MAX_ERROR_BYTES,
): Promise<{ text: string; failure?: unknown }> {
  let text = '';
  let failure: unknown;
  try {
    for await (const piece of readPieces(exchange, response, maxBytes)) text += piece;
  } catch (thrown) {
    failure = thrown;
  }
  const isCut = failure !== undefined || text.length > MAX_ERROR_BYTES;
  const snippet = exchange.clean(text.slice(0, MAX_ERROR_BYTES), isCut);
  if (snippet !== '') exchange.answered.snippet = snippet;
  return { text, failure };
}

/** The text of an answer, piece by piece. Whoever leaves the loop closes the connection. */
export async function* readPieces(exchange: Exchange, response: Response, maxBytes: number): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (piece?: Uint8Array): string => {
    const text = attempt(() => decoder.decode(piece, { stream: piece !== undefined }));
    if (text === undefined) throw exchange.invalid('it must be UTF-8, got other bytes');
    return text;
  };
  let bytes = 0;
  try {
    for await (const piece of boundedPieces(response, bounds(exchange, maxBytes))) {
      bytes += piece.length;
      yield decode(piece);
    }
    yield decode();
  } catch (thrown) {
    if (isFluxError(thrown)) throw thrown;
    const message = `the remote answer must come whole, got ${bytes} bytes before the connection broke; ${MAY_BE_MADE}`;
    throw exchange.error('network/truncated', message, { bytes, reason: exchange.reasonOf(thrown) });
  }
}

/** `undefined` for what is not JSON. */
export function parseJson(text: string): unknown {
  return attempt(() => JSON.parse(text) as unknown);
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
