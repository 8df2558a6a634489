import { type ImageSize, parseSize, strict } from '@flux-srpo/core';
import { present } from '../wire/present.ts';
import { type Answer, AnswerProblem, readAnswer, readAnswered, readBase64 } from './answer.ts';
import type { ServerEvent } from './event-parser.ts';
import { mediaTypeOf } from './picture.ts';
import type { AnswerDescription } from './service.ts';

/** A rough picture of a stream. */
export interface StreamedPartial {
  /** Which picture of the batch, from 0. */
  image: number;
  /** Which of its rough pictures, from 0. */
  index: number;
  /** Base64 of a PNG file. */
  base64: string;
  /** Of the picture that this becomes, where the service says it. */
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

/** The completed events of a stream, put together as one answer. */
const COMPLETED: AnswerDescription = {
  images: 'events',
  image: { b64_json: 'b64_json' },
  seed: 'seed',
  flagged: 'flags',
  warnings: 'events.0.warnings',
};

const readPng = strict.such(readBase64, 'base64 of a PNG file', (base64) => mediaTypeOf(base64) === 'image/png');

/**
 * Makes an answer of the events of a stream. Events that do not fit the request are refused.
 */
export class StreamReader {
  readonly #asked: number;
  readonly #partials: number;
  readonly #onPartial: (partial: StreamedPartial) => void;
  /** Rough pictures so far, by picture. */
  readonly #seen = new Map<number, number>();
  /** Events with a picture, by picture. */
  readonly #completed = new Map<number, Record<string, unknown>>();

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
    return this.#completed.size === this.#asked;
  }

  /**
   * @throws AnswerProblem for an event that cannot be
   * @throws StreamedError for one that says so
   */
  take({ name, data }: ServerEvent): void {
    if (data === '[DONE]') return;
    const event = parseEvent(data);
    if (name === 'error' || event.type === 'error' || (event.error ?? undefined) !== undefined) {
      throw new StreamedError(data);
    }
    if (name !== '' && event.type !== name) throw new AnswerProblem("an event's name must be its type, got two");
    // Other events may come from later versions of the API. They are ignored.
    readAnswered(() => {
      if (event.type === 'image_generation.partial_image') this.#takePartial(event);
      else if (event.type === 'image_generation.completed') this.#takeCompleted(event);
    });
  }

  /** @throws AnswerProblem where no picture came */
  answer(): Answer {
    const events = [...this.#completed].sort(([a], [b]) => a - b).map(([, event]) => event);
    const flags = events.map(({ has_nsfw_concept }) => has_nsfw_concept);
    const created = events[0]?.created_at;
    return readAnswer(
      typeof created === 'number' && created >= 0 ? { ...COMPLETED, created: 'events.0.created_at' } : COMPLETED,
      {
        events,
        seed: events[0]?.seed,
        flags: flags.includes(true) || flags.includes(false) ? flags.map(Boolean) : null,
      },
      this.#asked,
    );
  }

  #takePartial(event: Record<string, unknown>): void {
    const image = this.#imageIndex(event, 0);
    const index = this.#seen.get(image) ?? 0;
    if (this.#completed.has(image)) {
      throw new AnswerProblem('a rough picture must come before its picture, got it after');
    }
    if (event.partial_image_index !== index || index >= this.#partials) {
      throw new AnswerProblem(`rough pictures must come in order, ${this.#partials} of each at most, got another`);
    }
    this.#seen.set(image, index + 1);
    this.#onPartial(present({ image, index, base64: readPng(event.b64_json, 'b64_json'), size: sizeOf(event) }));
  }

  #takeCompleted(event: Record<string, unknown>): void {
    const image = this.#imageIndex(event, this.#completed.size);
    if (this.#completed.has(image)) throw new AnswerProblem('a picture must come once, got it twice');
    this.#completed.set(image, event);
  }

  /** OpenAI's own events do not say which picture: one of several comes after the other. */
  #imageIndex({ image_index }: Record<string, unknown>, next: number): number {
    return strict.integer(0, this.#asked - 1)(image_index ?? next, 'image_index');
  }
}

function parseEvent(data: string): Record<string, unknown> {
  try {
    const event: unknown = JSON.parse(data);
    if (typeof event === 'object' && event !== null) return event as Record<string, unknown>;
  } catch {
    // Refused below, as other values are.
  }
  throw new AnswerProblem('an event must be a JSON object, got another');
}

/** OpenAI's own models have sizes that are none here. */
function sizeOf({ size }: Record<string, unknown>): ImageSize | undefined {
  try {
    return typeof size === 'string' ? parseSize(size) : undefined;
  } catch {
    return undefined;
  }
}
