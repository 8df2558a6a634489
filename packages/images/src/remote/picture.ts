/** Base64 of a picture, as it comes from outside. */

/**
 * First bytes, as they look in base64. @see
 * https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern
 */
const SIGNATURES = [
  [/^iVBORw0KGgo/, 'image/png'],
  [/^\/9j\//, 'image/jpeg'],
  // "RIFF", four bytes of length, "WEBP"
  [/^UklGR.{6}XRUJQ/, 'image/webp'],
] as const;

/** What picture the base64 holds; `undefined` when it is not base64, or of something else. */
export function mediaTypeOf(base64: string): (typeof SIGNATURES)[number][1] | undefined {
  return isBase64(base64) ? SIGNATURES.find(([signature]) => signature.test(base64))?.[1] : undefined;
}

/** The base64 of a `data:` URL of a picture; `undefined` when it is none. */
export function dataUrlPicture(url: string): string | undefined {
  const prefix = /^data:image\/(?:png|jpeg|webp);base64,/.exec(url.slice(0, 40))?.[0];
  const base64 = prefix && url.slice(prefix.length);
  return base64 && mediaTypeOf(base64) !== undefined ? base64 : undefined;
}

/**
 * Searches for what does not belong, rather than matching all that does: a match of many megabytes
 * overflows some engines' stack.
 */
function isBase64(text: string): boolean {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const odd = text.search(/[^A-Za-z0-9+/]/);
  return text.length > 0 && text.length % 4 === 0 && (odd === -1 || odd === text.length - padding);
}
