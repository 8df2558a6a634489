import { readBounded } from '@flux-srpo/core';
import { present } from '../wire/present.ts';
import type { RequestWarning, Transport } from '../wire/request.ts';
import { type ResponseImage, toBase64 } from '../wire/response.ts';
import type { Exchange } from './exchange.ts';
import { dataUrlPicture, mediaTypeOf } from './picture.ts';

/**
 * Pictures the way the request wants them. Base64 becomes a `data:` URL where URLs are wanted. A
 * URL becomes base64 only by fetching it, which tells its server who asks. So it is fetched only
 * from origins that the caller allowed; for others there is a warning.
 */
export async function handOver(
  pictures: readonly ResponseImage[],
  transport: Transport,
  exchange: Exchange,
  warn: (warning: RequestWarning) => void,
): Promise<ResponseImage[]> {
  let bytesLeft = exchange.settings.maxBytes;
  const data: ResponseImage[] = [];
  for (const { url, b64_json, ...rest } of pictures) {
    let file = b64_json;
    if (transport === 'b64_json' && file === undefined && url !== undefined) {
      file = dataUrlPicture(url) ?? (await fetchPicture(url, bytesLeft, exchange, warn));
      bytesLeft -= file?.length ?? 0;
    }
    const asFile = transport === 'b64_json' ? file : undefined;
    const asUrl = url ?? (file && `data:${mediaTypeOf(file)};base64,${file}`);
    data.push(present({ b64_json: asFile, url: asFile ? undefined : asUrl, ...rest }));
  }
  return data;
}

/**
 * Base64 of what is behind the URL; `undefined`, and a warning, where it may not or cannot be had.
 * The key is not sent.
 */
async function fetchPicture(
  url: string,
  maxBytes: number,
  { settings: { fetch, imageOrigins, timeouts }, watch }: Exchange,
  warn: (warning: RequestWarning) => void,
): Promise<string | undefined> {
  const { origin } = new URL(url);
  const keepUrl = (why: string): undefined => {
    warn({ field: 'output_format', reason: `the picture comes as a url: ${why}` });
  };
  if (!imageOrigins.has(origin)) return keepUrl(`${origin} is not one of imageOrigins`);
  const tooLarge = new Error();
  try {
    const sent = fetch(url, {
      signal: watch.signal,
      redirect: 'error',
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
    });
    const response = await watch.race("the picture's headers", 'headers', timeouts.headers, sent);
    if (!response.ok) return keepUrl(`${origin} answered ${response.status}`);
    const base64 = toBase64(
      await readBounded(response, {
        maxBytes,
        tooLarge: () => tooLarge,
        guard: (read) => watch.race('the next piece of the picture', 'stall', timeouts.stall, read()),
      }),
    );
    return mediaTypeOf(base64) === undefined ? keepUrl(`${origin} answered with no PNG, JPEG or WebP file`) : base64;
  } catch (error) {
    if (watch.signal.aborted) throw watch.signal.reason;
    return keepUrl(error === tooLarge ? 'it is larger than maxBytes' : `${origin} could not be read`);
  }
}
