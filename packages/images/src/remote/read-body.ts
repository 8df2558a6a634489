import { AnswerProblem } from './answer.ts';
import { EventParser, type ServerEvent } from './event-parser.ts';
import type { Watch } from './watch.ts';

export interface BodyEnd {
  /** Decoded bytes that were taken from the network. */
  bytes: number;
  end: 'complete' | 'too-large' | 'not-utf8' | 'broken';
  /** Why it is `broken`: the connection's error, the caller's reason or a timeout. */
  cause?: unknown;
}

export interface BodyLimits {
  /** Bytes after decompression. */
  maxBytes: number;
  /** Longest pause between two pieces, in ms. */
  stallMs: number;
}

/**
 * Takes the pieces of a body, never more than `maxBytes` and one piece; what it says of its own length is believed only when that is
 * too much. Does not throw: how it ended is in the result.
 *
 * @param take says `'enough'` when nothing more is wanted
 */
async function readPieces(
  response: Response,
  { maxBytes, stallMs }: BodyLimits,
  watch: Watch,
  take: (piece: Uint8Array) => unknown,
): Promise<BodyEnd> {
  let bytes = 0;
  const reader = response.body?.getReader();
  if (reader === undefined) return { bytes, end: 'complete' };
  try {
    if (Number(response.headers.get('content-length')) > maxBytes) return { bytes, end: 'too-large' };
    for (;;) {
      const piece = await watch.race('the next piece of the answer', 'stall', stallMs, reader.read());
      if (piece.done) return { bytes, end: 'complete' };
      bytes += piece.value.byteLength;
      if (bytes > maxBytes) return { bytes, end: 'too-large' };
      if (take(piece.value) === 'enough') return { bytes, end: 'complete' };
    }
  } catch (cause) {
    return { bytes, end: 'broken', cause };
  } finally {
    // Whether the stream minds is of no consequence: nothing is read from it any more.
    reader.cancel().catch(() => undefined);
  }
}

/** The body as far as it came and was UTF-8. */
export async function readText(
  response: Response,
  limits: BodyLimits,
  watch: Watch,
): Promise<BodyEnd & { text: string }> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  let isUtf8 = true;
  const accept = (piece?: Uint8Array): void => {
    if (!isUtf8) return;
    try {
      text += decoder.decode(piece, { stream: piece !== undefined });
    } catch {
      isUtf8 = false;
    }
  };
  const body = await readPieces(response, limits, watch, accept);
  if (body.end === 'complete') accept();
  return { ...body, text, ...(body.end === 'complete' && !isUtf8 ? { end: 'not-utf8' } : {}) };
}

/** The body as server-sent events, each handed to `take` as it comes, until that says `'enough'`. What `take` throws is the cause. */
export async function readEvents(
  response: Response,
  limits: BodyLimits,
  watch: Watch,
  take: (event: ServerEvent) => unknown,
): Promise<BodyEnd> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const parser = new EventParser();
  return readPieces(response, limits, watch, (piece) => {
    let text: string;
    try {
      text = decoder.decode(piece, { stream: true });
    } catch {
      throw new AnswerProblem('it must be UTF-8, got other bytes');
    }
    return parser.push(text).some((event) => take(event) === 'enough') ? 'enough' : undefined;
  });
}

/** The whole body; `undefined` when it is too large. */
export async function readBytes(response: Response, limits: BodyLimits, watch: Watch): Promise<Uint8Array | undefined> {
  const pieces: Uint8Array[] = [];
  const body = await readPieces(response, limits, watch, (piece) => pieces.push(piece));
  if (body.end === 'broken') throw body.cause;
  if (body.end === 'too-large') return undefined;
  const whole = new Uint8Array(body.bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
