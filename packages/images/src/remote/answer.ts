import { LIMITS, strict } from '@flux-srpo/core';
import { type Path, readPath } from '../wire/json-path.ts';
import { present } from '../wire/present.ts';
import type { RequestWarning } from '../wire/request.ts';
import { type ResponseImage, unixSeconds } from '../wire/response.ts';
import type { AnswerDescription } from './service-description.ts';

export const readBase64 = strict.such(
  strict.string,
  'base64 of a PNG, JPEG or WebP file',
  (text) => mediaTypeOf(text) !== undefined,
);
const readUrl = strict.such(strict.string, 'an http(s) URL or a data: URL of a picture', isPictureUrl);
const readSeed = strict.integer(...LIMITS.seed);
const readTime = strict.number(0, Number.MAX_SAFE_INTEGER);

/**
 * A service's answer in our words: checked, and built anew, so that nothing else of it gets
 * through.
 *
 * @param asked most pictures that it may have
 * @throws InputError that says what is wrong with it
 */
export function readAnswer(paths: AnswerDescription, json: unknown, asked: number) {
  const { created, image } = paths;
  const images = strict.list((each) => each, 1, asked)(readPath(json, paths.images), paths.images);
  const flagged = optionalAt(json, paths.flagged, strict.list(strict.boolean, images.length, images.length));
  const pictures = images.map((each, i): ResponseImage => {
    const at = `${paths.images}.${i}.`;
    // Some services hand out a flagged picture as a black one.
    const isFlagged = flagged?.[i] === true;
    const url = isFlagged ? undefined : optionalAt(each, image.url, readUrl, at);
    const b64_json = isFlagged ? undefined : optionalAt(each, image.b64_json, readBase64, at);
    if (url === undefined && b64_json === undefined && !isFlagged) throw strict.refusal(at, 'a picture', each);
    const revised_prompt = optionalAt(each, image.revised_prompt, strict.string, at);
    return present({ url, b64_json, revised_prompt, seed: optionalAt(each, image.seed, readSeed, at) });
  });
  return {
    created: created === undefined ? unixSeconds() : Math.floor(readTime(readPath(json, created), created)),
    /**
     * Each has an `http(s):` or `data:` URL, or base64 of a PNG, JPEG or WebP file, or both. A
     * flagged one has neither.
     */
    pictures,
    /** By the service's safety checker, one per picture. */
    flagged,
    seed: optionalAt(json, paths.seed, readSeed),
    /** What the service says had no effect. */
    warnings: readWarnings(paths.warnings && readPath(json, paths.warnings)),
  };
}

/** Services send `null` or `""` for what they do not have. */
function optionalAt<T>(json: unknown, path: Path | undefined, read: strict.Read<T>, at = ''): T | undefined {
  const value = path && readPath(json, path);
  return value === undefined || value === null || value === '' ? undefined : read(value, at + path);
}

/** Most warnings of a service that are passed on, and characters of one. */
const MAX_WARNINGS = 20;
const MAX_WARNING = 200;

/** The warnings in a service's list. Anything else in it is left out. */
function readWarnings(list: unknown): RequestWarning[] {
  if (!Array.isArray(list)) return [];
  return list.slice(0, MAX_WARNINGS).flatMap((entry) => {
    const [field, reason] = [readPath(entry, 'field'), readPath(entry, 'reason')];
    if (typeof field !== 'string' || typeof reason !== 'string') return [];
    return [{ field: field.slice(0, MAX_WARNING), reason: reason.slice(0, MAX_WARNING) }];
  });
}

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

/**
 * What picture the base64 holds; `undefined` when it is not base64, or of something else. It
 * searches for what does not belong, rather than matching all that does: a match of many megabytes
 * overflows some engines' stack.
 */
export function mediaTypeOf(base64: string): (typeof SIGNATURES)[number][1] | undefined {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  const odd = base64.search(/[^A-Za-z0-9+/]/);
  if (base64.length % 4 !== 0 || (odd !== -1 && odd !== base64.length - padding)) return undefined;
  return SIGNATURES.find(([signature]) => signature.test(base64))?.[1];
}

/** The base64 of a `data:` URL of a picture; `undefined` when it is none. */
export function dataUrlPicture(url: string): string | undefined {
  const prefix = /^data:image\/(?:png|jpeg|webp);base64,/.exec(url.slice(0, 40))?.[0];
  const base64 = prefix && url.slice(prefix.length);
  return base64 && mediaTypeOf(base64) !== undefined ? base64 : undefined;
}

/**
 * Other schemes run code (`javascript:`), or point into the user's own machine (`blob:`, `file:`).
 */
function isPictureUrl(url: string): boolean {
  const isWeb = URL.canParse(url) && ['http:', 'https:'].includes(new URL(url).protocol);
  return isWeb || dataUrlPicture(url) !== undefined;
}
