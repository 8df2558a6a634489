import { type ByteSource, type Bytes, checkRange } from './byte-source.ts';
import { type HttpSourceOptions, type OnPiece, RangeRequest } from './range-request.ts';
import { shortName, withoutSecrets } from './shown-url.ts';

export interface HttpSource extends ByteSource {
  /** Reads a range in one request, and shows it as it comes. What breaks off has been shown. */
  pull(offset: number, length: number, onPiece: OnPiece, signal?: AbortSignal): Promise<void>;
  /**
   * All bytes in order, in one request, where the server has answered a range with the whole file.
   * Undefined where it has not.
   */
  whole(signal?: AbortSignal): AsyncIterable<Uint8Array> | undefined;
}

/**
 * A source over a URL, with one `Range` request per read. Nothing is retried here, and every answer
 * is checked. Where the server was asked for the size, each later answer must have the same size,
 * entity tag and time of change.
 */
export async function httpSource(url: string | URL, options: HttpSourceOptions = {}): Promise<HttpSource> {
  const name = shortName(url);
  const request = new RangeRequest(url, name, options);
  const size = options.size ?? (await request.askSize());
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`size must be a number of bytes, got ${size}`);
  const source: HttpSource = {
    size,
    name,
    url: withoutSecrets(url),
    ...(request.version === undefined ? {} : { version: request.version }),
    async read(offset, length, signal) {
      // Before memory is taken for a length that may be wrong.
      checkRange(source, offset, length);
      const out = new Uint8Array(length);
      await source.pull(offset, length, intoBytes(out), signal);
      return out;
    },
    async pull(offset, length, onPiece, signal) {
      signal?.throwIfAborted();
      options.signal?.throwIfAborted();
      checkRange(source, offset, length);
      if (length > 0) await request.pull({ offset, length, size, signal, onPiece });
    },
    whole: (signal) => (request.ignoresRanges ? request.whole(size, signal) : undefined),
  };
  return source;
}

/** Puts one piece behind the other. */
export function intoBytes(out: Bytes): (piece: Uint8Array) => void {
  let filled = 0;
  return (piece) => {
    out.set(piece, filled);
    filled += piece.length;
  };
}
