import { isFluxError, retry } from '@flux-srpo/core';
import { checkRange, type HttpSource, httpSource, intoBytes, pauseAfter } from '@flux-srpo/formats';
import type { BundleSource } from './bundle-source.ts';

export interface HttpFileOptions {
  /** Of each request. @default the platform's, until bytes were wrong */
  cache?: RequestCache | undefined;
  /** Milliseconds before each further try of a read, halved at random. @default up to 30 s */
  delays?: readonly number[] | undefined;
  /** Milliseconds without a byte after which a request is given up. @default 30 seconds */
  stallMs?: number | undefined;
}

/** Milliseconds before each further try: a server that restarts is back by then. */
export const RETRY_DELAYS = [500, 2_000, 8_000, 15_000, 30_000];

/**
 * A file that lies at several addresses. A read that breaks off goes on behind its last byte. Where
 * one address fails, or has sent wrong bytes, the next is asked; when all have failed, all are
 * tried again after a pause.
 *
 * @param size of the file; where it is not known, it is asked for, and that is tried once
 */
export async function httpFile(
  urls: readonly URL[],
  size: number | undefined,
  { cache, stallMs, delays = RETRY_DELAYS }: HttpFileOptions,
): Promise<BundleSource & Pick<HttpSource, 'pull'>> {
  let caching = cache;
  const fetcher: typeof fetch = (url, init) => fetch(url, caching === undefined ? init : { ...init, cache: caching });
  const options = { fetch: fetcher, ...(stallMs === undefined ? {} : { stallMs }) };
  const sources: (HttpSource | undefined)[] = [];
  let at = 0;
  /** Asks the address of last time, then the others. */
  const ask = async <T>(act: (source: HttpSource) => Promise<T>, signal?: AbortSignal): Promise<T> => {
    for (let tries = 1; ; tries++) {
      const index = at % urls.length;
      try {
        sources[index] ??= await httpSource(urls[index]!, { ...options, ...(size === undefined ? {} : { size }) });
        return await act(sources[index]);
      } catch (error) {
        signal?.throwIfAborted();
        if (tries >= urls.length || !isFluxError(error)) throw error;
        // Another read may have gone on already.
        if (at % urls.length === index) at++;
      }
    }
  };
  const first = await ask(async (source) => source);
  const pull: HttpSource['pull'] = async (offset, length, onPiece, signal) => {
    let [pulled, before, failures] = [0, 0, 0];
    const goOn = (source: HttpSource): Promise<void> =>
      source.pull(
        offset + pulled,
        length - pulled,
        async (piece) => {
          pulled += piece.length;
          try {
            await onPiece(piece);
          } catch (cause) {
            throw new Refused(cause);
          }
        },
        signal,
      );
    await retry(() => ask(goOn, signal), {
      // A line that breaks often and brings something each time is not given up.
      pauseAfter(error) {
        failures = pulled > before ? 1 : failures + 1;
        before = pulled;
        return pauseAfter(error, jittered(delays[failures - 1]));
      },
      signal,
    }).catch((error: unknown) => {
      throw error instanceof Refused ? error.cause : error;
    });
  };
  return {
    ...first,
    pull,
    async read(offset, length, signal, into) {
      // Before memory is taken for a length that may be wrong.
      checkRange(first, offset, length);
      const out = new Uint8Array(into ?? new ArrayBuffer(length), 0, length);
      await pull(offset, length, intoBytes(out), signal);
      return out;
    },
    whole: (signal) => sources[at % urls.length]?.whole(signal),
    secondChances: urls.length,
    distrust() {
      at++;
      caching ??= 'reload';
    },
  };
}

/** What was pulled was refused: no other address is asked for it. */
class Refused extends Error {
  constructor(cause: unknown) {
    super('refused', { cause });
  }
}

/** Half of it to all of it, so that clients that were cut off together come back apart. */
function jittered(delay: number | undefined): number | undefined {
  return delay === undefined ? undefined : delay * (1 - Math.random() / 2);
}
