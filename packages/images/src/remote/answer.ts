import type { RequestWarning } from '../wire/request.ts';
import { unixSeconds } from '../wire/response.ts';
import { readPath } from './json-path.ts';
import { dataUrlPicture, mediaTypeOf } from './picture.ts';
import type { Path, ServiceDescription } from './service.ts';

/** A service's answer in our words: checked, and built anew, so that nothing else of it gets through. */
export interface Answer {
  created: number;
  pictures: AnsweredPicture[];
  seed?: number;
  flagged?: boolean[];
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
}

/** What is wrong with an answer, without its values: they may be anything. */
export class AnswerProblem extends Error {}

/**
 * @param asked how many pictures the request wanted; a server may make fewer, and not more
 * @throws AnswerProblem
 */
export function readAnswer(
  { answer: paths }: ServiceDescription,
  json: unknown,
  asked: number,
  warn: (warning: RequestWarning) => void,
): Answer {
  const images = readPath(json, paths.images);
  if (!Array.isArray(images) || images.length < 1 || images.length > asked) {
    throw problem(paths.images, asked === 1 ? 'a list of 1 picture' : `a list of 1 to ${asked} pictures`, images);
  }
  if (images.length < asked) warn({ field: 'n', reason: `the service made ${images.length} of ${asked} pictures` });
  const flagged = readFlags(json, paths.flagged, images.length);
  const seed = readSeed(json, paths.seed, '');
  return {
    created: readCreated(json, paths.created),
    pictures: images.map((image, i) => readPicture(image, paths, i, flagged?.[i] ?? false)),
    warnings: paths.warnings === undefined ? [] : readWarnings(readPath(json, paths.warnings)),
    ...(seed === undefined ? {} : { seed }),
    ...(flagged === undefined ? {} : { flagged }),
  };
}

function readPicture(
  json: unknown,
  { images, image: paths }: ServiceDescription['answer'],
  index: number,
  isFlagged: boolean,
): AnsweredPicture {
  const at = `${images}.${index}.`;
  const url = readText(json, paths.url, at);
  const base64 = readText(json, paths.b64_json, at);
  if (base64 !== undefined && mediaTypeOf(base64) === undefined) {
    throw new AnswerProblem(`${at}${paths.b64_json} must be base64 of a PNG, JPEG or WebP file, got something else`);
  }
  if (url !== undefined && !isPictureUrl(url)) {
    throw new AnswerProblem(`${at}${paths.url} must be an http(s) URL or a data: URL of a picture, got another kind`);
  }
  if (url === undefined && base64 === undefined && !isFlagged)
    throw new AnswerProblem(`${at.slice(0, -1)} must hold a picture, got none`);
  const seed = readSeed(json, paths.seed, at);
  const revisedPrompt = readText(json, paths.revised_prompt, at);
  return {
    // Some services hand out a flagged picture as a black one.
    ...(url === undefined || isFlagged ? {} : { url }),
    ...(base64 === undefined || isFlagged ? {} : { base64 }),
    ...(revisedPrompt === undefined ? {} : { revisedPrompt }),
    ...(seed === undefined ? {} : { seed }),
  };
}

/** Other schemes run code (`javascript:`), or name what is not the server's to name (`blob:`, `file:`). */
function isPictureUrl(url: string): boolean {
  if (url.slice(0, 5).toLowerCase() === 'data:') return dataUrlPicture(url) !== undefined;
  return URL.canParse(url) && ['http:', 'https:'].includes(new URL(url).protocol);
}

/** Services send `""` for a text that they do not have. */
function readText(json: unknown, path: Path | undefined, at: string): string | undefined {
  const value = path === undefined ? undefined : readPath(json, path);
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw problem(at + path, 'a string', value);
  return value;
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

function readCreated(json: unknown, path: Path | undefined): number {
  if (path === undefined) return unixSeconds();
  const value = readPath(json, path);
  if (typeof value !== 'number' || !(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) {
    throw problem(path, 'Unix seconds', value);
  }
  return Math.floor(value);
}

function readSeed(json: unknown, path: Path | undefined, at: string): number | undefined {
  const value = path === undefined ? undefined : readPath(json, path);
  if (value === undefined || value === null) return undefined;
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw problem(at + path, 'an integer from 0 to 2^53 - 1', value);
  return value as number;
}

function readFlags(json: unknown, path: Path | undefined, length: number): boolean[] | undefined {
  const value = path === undefined ? undefined : readPath(json, path);
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || value.length !== length || value.some((flag) => typeof flag !== 'boolean')) {
    throw problem(path as Path, `a list of ${length} booleans`, value);
  }
  return [...value];
}

function problem(path: Path, expected: string, value: unknown): AnswerProblem {
  const got = Array.isArray(value) ? `a list of ${value.length}` : value === null ? 'null' : typeof value;
  return new AnswerProblem(`${path} must be ${expected}, got ${got}`);
}
