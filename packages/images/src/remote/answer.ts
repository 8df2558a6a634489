import { LIMITS, strict } from '@flux-srpo/core';
import { type Path, readPath } from '../wire/json-path.ts';
import { present } from '../wire/present.ts';
import type { RequestWarning } from '../wire/request.ts';
import { type ResponseImage, unixSeconds } from '../wire/response.ts';
import { dataUrlPicture, mediaTypeOf } from './picture.ts';
import type { AnswerDescription } from './service.ts';

/**
 * A service's answer in our words: checked, and built anew, so that nothing else of it gets
 * through.
 */
export interface Answer {
  created: number;
  /**
   * An `http(s):` or `data:` URL, or base64 of a PNG, JPEG or WebP file, or both; neither for a
   * flagged picture.
   */
  pictures: ResponseImage[];
  /** By the service's safety checker, one per picture. */
  flagged?: boolean[];
  seed?: number;
  /** What the service says had no effect. */
  warnings: RequestWarning[];
}

/** What is wrong with an answer. The message shows none of its values, which may be anything. */
export class AnswerProblem extends Error {}

/** What `read` gives; what a strict reader refuses becomes an `AnswerProblem`. */
export function readAnswered<T>(read: () => T): T {
  return strict.readAs(
    read,
    ({ details: { field, expected = 'there' } }) =>
      new AnswerProblem(`${field} must be ${expected}, got something else`),
  );
}

export const readBase64 = strict.such(
  strict.string,
  'base64 of a PNG, JPEG or WebP file',
  (text) => mediaTypeOf(text) !== undefined,
);
const readUrl = strict.such(strict.string, 'an http(s) URL or a data: URL of a picture', isPictureUrl);
const readSeed = strict.integer(...LIMITS.seed);
const readTime = strict.number(0, Number.MAX_SAFE_INTEGER);

/** @throws AnswerProblem */
export function readAnswer(paths: AnswerDescription, json: unknown, asked: number): Answer {
  return readAnswered(() => {
    const images = strict.list((image) => image, 1, asked)(readPath(json, paths.images), paths.images);
    const { created } = paths;
    const flagged = optionalAt(json, paths.flagged, strict.list(strict.boolean, images.length, images.length));
    return present({
      created: created === undefined ? unixSeconds() : Math.floor(readTime(readPath(json, created), created)),
      pictures: images.map((image, i) => readPicture(image, paths, i, flagged?.[i] === true)),
      flagged,
      seed: optionalAt(json, paths.seed, readSeed),
      warnings: paths.warnings === undefined ? [] : readWarnings(readPath(json, paths.warnings)),
    });
  });
}

function readPicture(
  json: unknown,
  { images, image }: AnswerDescription,
  i: number,
  isFlagged: boolean,
): ResponseImage {
  const at = `${images}.${i}.`;
  // Some services hand out a flagged picture as a black one.
  const url = isFlagged ? undefined : optionalAt(json, image.url, readUrl, at);
  const b64_json = isFlagged ? undefined : optionalAt(json, image.b64_json, readBase64, at);
  if (url === undefined && b64_json === undefined && !isFlagged) throw strict.refusal(at, 'a picture', json);
  return present({
    url,
    b64_json,
    revised_prompt: optionalAt(json, image.revised_prompt, strict.string, at),
    seed: optionalAt(json, image.seed, readSeed, at),
  });
}

/** Services send `null` or `""` for what they do not have. */
function optionalAt<T>(json: unknown, path: Path | undefined, read: strict.Read<T>, at = ''): T | undefined {
  const value = path === undefined ? undefined : readPath(json, path);
  return value === undefined || value === null || value === '' ? undefined : read(value, at + path);
}

/**
 * Other schemes run code (`javascript:`), or point into the user's own machine (`blob:`, `file:`).
 */
function isPictureUrl(url: string): boolean {
  if (url.slice(0, 5).toLowerCase() === 'data:') return dataUrlPicture(url) !== undefined;
  return URL.canParse(url) && ['http:', 'https:'].includes(new URL(url).protocol);
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
