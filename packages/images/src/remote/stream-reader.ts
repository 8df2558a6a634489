import { type ImageSize, parseSize } from '@flux-srpo/core';
import type { RequestWarning } from '../wire/request.ts';
import { unixSeconds } from '../wire/response.ts';
import { type Answer, type AnsweredPicture, AnswerProblem, readWarnings } from './answer.ts';
import type { ServerEvent } from './event-parser.ts';
import { parseJson } from './failures.ts';
import { mediaTypeOf } from './picture.ts';

/** A rough picture of a stream. */
export interface StreamedPartial {
  /** Which picture of the batch, from 0. */
  image: number;
  /** Which of its rough pictures, from 0. */
  index: number;
  /** Base64 of a PNG file. */
  base64: string;
  /** Of the picture that this becomes, where the service says so. */
  size?: ImageSize;
}

/** `{ error }` in the middle of a stream. */
export class StreamedError extends Error {
  readonly body: string;

  constructor(body: string) {
    super('the stream ended with an error');
    this.body = body;
  }
}

const PARTIAL = 'image_generation.partial_image';
const COMPLETED = 'image_generation.completed';

/** How the events of a stream become an answer. A stream is believed only as far as it keeps to what was asked. */
export class StreamReader {
  readonly #asked: number;
  readonly #partials: number;
  readonly #onPartial: (partial: StreamedPartial) => void;
  /** Rough pictures so far, by picture. */
  readonly #seen = new Map<number, number>();
  readonly #pictures = new Map<number, AnsweredPicture>();
  readonly #flagged: boolean[] = [];
  readonly #warnings: RequestWarning[] = [];
  #created: number | undefined;
  #seed: number | undefined;

  /**
   * @param asked pictures
   * @param partials rough pictures of each, at most
   */
  constructor(asked: number, partials: number, onPartial: (partial: StreamedPartial) => void) {
    this.#asked = asked;
    this.#partials = partials;
    this.#onPartial = onPartial;
  }

  get isComplete(): boolean {
    return this.#pictures.size === this.#asked;
  }

  /**
   * @throws AnswerProblem for an event that cannot be
   * @throws StreamedError for one that says so
   */
  take({ name, data }: ServerEvent): void {
    if (data === '[DONE]') return;
    const json = parseJson(data);
    if (typeof json !== 'object' || json === null)
      throw new AnswerProblem('an event must be a JSON object, got another');
    const event = json as Record<string, unknown>;
    if (name === 'error' || event.type === 'error' || (event.error !== undefined && event.error !== null)) {
      throw new StreamedError(data);
    }
    if (name !== '' && event.type !== name) throw new AnswerProblem("an event's name must be its type, got two");
    if (event.type === PARTIAL) this.#takePartial(event);
    // Of events that come to be in later versions nothing is known, so they are let pass.
    else if (event.type === COMPLETED) this.#takeCompleted(event);
  }

  /** @param warn hears of pictures that did not come */
  answer(warn: (warning: RequestWarning) => void): Answer {
    const pictures = [...this.#pictures].sort(([a], [b]) => a - b).map(([, picture]) => picture);
    if (pictures.length === 0) throw new AnswerProblem(`the stream must end with ${COMPLETED}, got an end without`);
    if (pictures.length < this.#asked) {
      warn({ field: 'n', reason: `the service made ${pictures.length} of ${this.#asked} pictures` });
    }
    return {
      created: this.#created ?? unixSeconds(),
      pictures,
      warnings: this.#warnings,
      ...(this.#seed === undefined ? {} : { seed: this.#seed }),
      ...(this.#flagged.length === 0 ? {} : { flagged: pictures.map((_, i) => this.#flagged[i] ?? false) }),
    };
  }

  #takePartial(event: Record<string, unknown>): void {
    const image = this.#imageIndex(event);
    const index = event.partial_image_index;
    const seen = this.#seen.get(image) ?? 0;
    if (this.#pictures.has(image))
      throw new AnswerProblem('a rough picture must come before its picture, got it after');
    if (index !== seen || seen >= this.#partials) {
      throw new AnswerProblem(
        `rough pictures must come in order, ${this.#partials} of each at most, got another index or more`,
      );
    }
    this.#seen.set(image, seen + 1);
    const size = sizeOf(event);
    const base64 = base64Of(event, 'image/png');
    this.#onPartial({ image, index: seen, base64, ...(size === undefined ? {} : { size }) });
  }

  #takeCompleted(event: Record<string, unknown>): void {
    const image = this.#imageIndex(event, this.#pictures.size);
    if (this.#pictures.has(image)) throw new AnswerProblem('a picture must come once, got it twice');
    const { created_at, seed, has_nsfw_concept: isFlagged } = event;
    if (typeof isFlagged === 'boolean') this.#flagged[image] = isFlagged;
    // Some services hand out a flagged picture as a black one.
    this.#pictures.set(image, isFlagged === true ? {} : { base64: base64Of(event) });
    if (typeof created_at === 'number' && created_at >= 0) this.#created = Math.floor(created_at);
    if (Number.isSafeInteger(seed) && (seed as number) >= 0) this.#seed = seed as number;
    // Each picture of a batch repeats them.
    if (this.#warnings.length === 0) this.#warnings.push(...readWarnings(event.warnings));
  }

  /** OpenAI's own events do not say which picture: one of several comes after the other. */
  #imageIndex({ image_index: index }: Record<string, unknown>, next = 0): number {
    const image = index ?? next;
    if (Number.isInteger(image) && (image as number) >= 0 && (image as number) < this.#asked) return image as number;
    throw new AnswerProblem(`image_index must be below ${this.#asked}, got another`);
  }
}

function base64Of({ b64_json: base64 }: Record<string, unknown>, type?: 'image/png'): string {
  const found = typeof base64 === 'string' ? mediaTypeOf(base64) : undefined;
  if (found !== undefined && (type === undefined || found === type)) return base64 as string;
  throw new AnswerProblem(`b64_json must be base64 of a picture file, got something else`);
}

/** OpenAI's own models have sizes that are none here. */
function sizeOf({ size }: Record<string, unknown>): ImageSize | undefined {
  try {
    return typeof size === 'string' ? parseSize(size) : undefined;
  } catch {
    return undefined;
  }
}
