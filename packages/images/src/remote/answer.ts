import { LIMITS, strict } from '@flux-srpo/core';
import { type Path, readPath } from '../wire/json-path.ts';
import { present } from '../wire/present.ts';
import type { RequestWarning } from '../wire/request.ts';
import { unixSeconds } from '../wire/response.ts';
import { dataUrlPicture, mediaTypeOf } from './picture.ts';
import type { ServiceDescription } from './service.ts';

/** A service's answer in our words: checked, and built anew, so that nothing else of it gets through. */
export interface Answer {
  created: number;
  pictures: AnsweredPicture[];
  seed?: number;
  /** What the service says had no effect. */
  warnings: RequestWarning[];
}

export interface AnsweredPicture {
  /** An `http(s):` or `data:` URL. */
  url?: string;
  /** Base64 of a PNG, JPEG or WebP file. */
  base64?: string;
  revisedPrompt?: string;
  seed?: number;
  /** By the service's safety checker. Such a picture has neither URL nor base64. */
  isFlagged?: boolean;
}

/** What is wrong with an answer, without its values: they may be anything. */
export class AnswerProblem extends Error {}

/** What `read` gives; what a strict reader refuses becomes an `AnswerProblem`. */
export function readAnswered<T>(read: () => T): T {
  return strict.readAs(
    read,
    ({ details: { field, expected = 'there' } }) =>
      new AnswerProblem(`${field} must be ${expected}, got something else`),
  );
}

export const readSeed = strict.integer(...LIMITS.seed);
export const readCreated: strict.Read<number> = (value, path) =>
  Math.floor(strict.number(0, Number.MAX_SAFE_INTEGER)(value, path));
export const readBase64 = strict.such(
  strict.string,
  'base64 of a PNG, JPEG or WebP file',
  (text) => mediaTypeOf(text) !== undefined,
);
const readUrl = strict.such(strict.string, 'an http(s) URL or a data: URL of a picture', isPictureUrl);

/** @throws AnswerProblem */
export function readAnswer({ answer: paths }: ServiceDescription, json: unknown, asked: number): Answer {
  return readAnswered(() => {
    const images = strict.list((image) => image, 1, asked)(readPath(json, paths.images), paths.images);
    const flagged = optionalAt(json, paths.flagged, strict.list(strict.boolean, images.length, images.length));
    return present({
      created: paths.created === undefined ? unixSeconds() : readCreated(readPath(json, paths.created), paths.created),
      pictures: images.map((image, i) => readPicture(image, paths.image, `${paths.images}.${i}.`, flagged?.[i])),
      seed: optionalAt(json, paths.seed, readSeed),
      warnings: paths.warnings === undefined ? [] : readWarnings(readPath(json, paths.warnings)),
    });
  });
}

function readPicture(
  json: unknown,
  paths: ServiceDescription['answer']['image'],
  at: string,
  isFlagged: boolean | undefined,
): AnsweredPicture {
  const url = optionalAt(json, paths.url, readUrl, at);
  const base64 = optionalAt(json, paths.b64_json, readBase64, at);
  if (url === undefined && base64 === undefined && isFlagged !== true) throw strict.refusal(at, 'a picture', json);
  return present({
    // Some services hand out a flagged picture as a black one.
    ...(isFlagged === true ? {} : { url, base64 }),
    revisedPrompt: optionalAt(json, paths.revised_prompt, strict.string, at),
    seed: optionalAt(json, paths.seed, readSeed, at),
    isFlagged,
  });
}

/** Services send `null` or `""` for what they do not have. */
function optionalAt<T>(json: unknown, path: Path | undefined, read: strict.Read<T>, at = ''): T | undefined {
  const value = path === undefined ? undefined : readPath(json, path);
  return value === undefined || value === null || value === '' ? undefined : read(value, at + path);
}

/** Other schemes run code (`javascript:`), or name what is not the server's to name (`blob:`, `file:`). */
function isPictureUrl(url: string): boolean {
  if (url.slice(0, 5).toLowerCase() === 'data:') return dataUrlPicture(url) !== undefined;
  return URL.canParse(url) && ['http:', 'https:'].includes(new URL(url).protocol);
}

/** Most warnings of a service that are passed on, and characters of one. */
const MAX_WARNINGS = 20;
const MAX_WARNING = 200;

/** What is a warning in a service's list; nothing else of it. */
export function readWarnings(list: unknown): RequestWarning[] {
  if (!Array.isArray(list)) return [];
  return list.slice(0, MAX_WARNINGS).flatMap((entry) => {
    const [field, reason] = [readPath(entry, 'field'), readPath(entry, 'reason')];
    if (typeof field !== 'string' || typeof reason !== 'string') return [];
    return [{ field: field.slice(0, MAX_WARNING), reason: reason.slice(0, MAX_WARNING) }];
  });
}
