import { isFluxError, readBounded } from '@flux-srpo/core';
import { present } from '../wire/present.ts';
import type { RequestWarning, Transport } from '../wire/request.ts';
import { type ResponseImage, toBase64 } from '../wire/response.ts';
import { dataUrlPicture, mediaTypeOf } from './answer.ts';
import { bounds } from './body.ts';
import type { Exchange } from './exchange.ts';

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
  const { imageOrigins, maxBytes } = exchange.settings;
  let bytesLeft = maxBytes;
  const fileBehind = async (url: string): Promise<string | undefined> => {
    const { origin } = new URL(url);
    const problem = (what: string) => exchange.error('network/response-invalid', `${origin} ${what}`);
    try {
      if (!imageOrigins.has(origin)) throw problem('is not one of imageOrigins');
      const response = await exchange.fetch(new URL(url));
      if (!response.ok) throw problem(`answered ${response.status}`);
      const tooLarge = () => problem('answered with more than maxBytes');
      const file = toBase64(await readBounded(response, { ...bounds(exchange, bytesLeft), tooLarge }));
      bytesLeft -= file.length;
      if (mediaTypeOf(file) !== undefined) return file;
      throw problem('answered with no PNG, JPEG or WebP file');
    } catch (error) {
      exchange.signal.throwIfAborted();
      const why = isFluxError(error) ? error.message : `${origin} could not be read`;
      warn({ field: 'output_format', reason: `the picture comes as a url: ${why}` });
      return undefined;
    }
  };
  const data: ResponseImage[] = [];
  for (const { url, b64_json, ...rest } of pictures) {
    const wantsFile = transport === 'b64_json' && b64_json === undefined && url !== undefined;
    const file = wantsFile ? (dataUrlPicture(url) ?? (await fileBehind(url))) : b64_json;
    const asUrl = url ?? (file && `data:${mediaTypeOf(file)};base64,${file}`);
    data.push(present({ ...(transport === 'b64_json' && file ? { b64_json: file } : { url: asUrl }), ...rest }));
  }
  return data;
}
