/** Base64 of a picture, as it comes from outside. */

export type MediaType = 'image/png' | 'image/jpeg' | 'image/webp';

/** First bytes, as they look in base64. @see https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern */
const SIGNATURES: readonly [RegExp, MediaType][] = [
  [/^iVBORw0KGgo/, 'image/png'],
  [/^\/9j\//, 'image/jpeg'],
  // "RIFF", four bytes of length, "WEBP"
  [/^UklGR.{6}XRUJQ/, 'image/webp'],
];

const DATA_URL = /^data:image\/(?:png|jpeg|webp);base64,/;

/** What picture the base64 holds; `undefined` when it is not base64, or of something else. */
export function mediaTypeOf(base64: string): MediaType | undefined {
  return isBase64(base64) ? SIGNATURES.find(([signature]) => signature.test(base64))?.[1] : undefined;
}

/** The base64 of a `data:` URL of a picture; `undefined` when it is none. */
export function dataUrlPicture(url: string): string | undefined {
  const prefix = DATA_URL.exec(url.slice(0, 40))?.[0];
  if (prefix === undefined) return undefined;
  const base64 = url.slice(prefix.length);
  return mediaTypeOf(base64) === undefined ? undefined : base64;
}

/** Searches for what does not belong, rather than matching all that does: a match of many megabytes overflows some engines' stack. */
function isBase64(text: string): boolean {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const odd = text.search(/[^A-Za-z0-9+/]/);
  return text.length > 0 && text.length % 4 === 0 && (odd === -1 || odd === text.length - padding);
}
