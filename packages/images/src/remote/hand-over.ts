import { isFluxError, readBounded } from '@flux-srpo/core';
import { present } from '../wire/present.ts';
import type { RequestWarning, Transport } from '../wire/request.ts';
import { type ResponseImage, toBase64 } from '../wire/response.ts';
import { dataUrlPicture, mediaTypeOf } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { bounds } from './read-body.ts';

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
    const keepUrl = (why: string) => warn({ field: 'output_format', reason: `the picture comes as a url: ${why}` });
    if (!imageOrigins.has(origin)) return void keepUrl(`${origin} is not one of imageOrigins`);
    try {
      const response = await exchange.fetch(new URL(url));
      if (!response.ok) return void keepUrl(`${origin} answered ${response.status}`);
      const tooLarge = () => exchange.error('network/response-invalid', 'it is larger than maxBytes');
      const file = toBase64(await readBounded(response, { ...bounds(exchange, bytesLeft), tooLarge }));
      bytesLeft -= file.length;
      if (mediaTypeOf(file) !== undefined) return file;
      return void keepUrl(`${origin} answered with no PNG, JPEG or WebP file`);
    } catch (error) {
      exchange.signal.throwIfAborted();
      return void keepUrl(isFluxError(error) ? error.message : `${origin} could not be read`);
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
