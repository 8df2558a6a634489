import { type ImageSize, InputError } from '@flux-srpo/core';
import type { HttpError } from './errors.ts';
import { pngSize } from './png-size.ts';
import { present } from './present.ts';
import type { CheckedRequest, RequestWarning } from './request.ts';
import type { ImageResponse } from './response.ts';

/**
 * What comes over server-sent events with `stream: true`, in OpenAI's shapes.
 *
 * @see https://github.com/openai/openai-node/blob/7b7d6ca/src/resources/images.ts `ImageGenStreamEvent`
 */
export type ImageEvent = PartialImageEvent | CompletedEvent;

/** A rough picture on the way. */
export interface PartialImageEvent extends PictureEvent {
  type: 'image_generation.partial_image';
  /** A PNG in base64. */
  b64_json: string;
  /** `WIDTHxHEIGHT` of the picture that this becomes. */
  size: string;
  /** From 0. */
  partial_image_index: number;
  /** Addition: which picture of the batch, from 0. */
  image_index?: number;
}

/** The picture. */
export interface CompletedEvent extends PictureEvent {
  type: 'image_generation.completed';
  /** A PNG in base64. Absent for a picture that the safety checker withholds. */
  b64_json?: string;
  /** `WIDTHxHEIGHT`. Absent where nothing of a withheld picture was seen. */
  size?: string;
  /**
   * An addition to OpenAI's fields, as are the next three. Absent where a remote service does not
   * tell its seed.
   */
  seed?: number;
  image_index?: number;
  warnings?: RequestWarning[];
  /** Where a safety checker ran. */
  has_nsfw_concept?: boolean;
}

interface PictureEvent {
  /** Unix seconds. */
  created_at: number;
  quality: 'auto';
  background: 'opaque';
  output_format: 'png';
}

/** OpenAI's fields that are the same for every picture. */
const CONSTANTS = { quality: 'auto', background: 'opaque', output_format: 'png' } as const;

/** A rough picture, as an event says it. */
export interface PartialPicture {
  /** A PNG in base64. */
  b64_json: string;
  /** Unix seconds. */
  created: number;
  /** Of the picture that this becomes. */
  size: ImageSize;
  /** Which picture of the batch, from 0. */
  image: number;
}

/**
 * Makes the event for one rough picture.
 *
 * @param index which rough picture of this picture, from 0
 */
export function partialImageEvent(
  { b64_json, created, size, image }: PartialPicture,
  index: number,
): PartialImageEvent {
  return {
    type: 'image_generation.partial_image',
    b64_json,
    created_at: created,
    size: sizeText(size),
    ...CONSTANTS,
    partial_image_index: index,
    image_index: image,
  };
}

/** The events that end a stream: one for each picture of the response. */
export function completedEvents({ data, created, seed, warnings, has_nsfw_concepts }: ImageResponse): CompletedEvent[] {
  return data.map((picture, index) =>
    present({
      type: 'image_generation.completed' as const,
      b64_json: picture.b64_json,
      created_at: created,
      size: picture.b64_json && sizeText(pngSize(picture.b64_json)),
      ...CONSTANTS,
      seed: picture.seed ?? seed,
      image_index: index,
      warnings,
      has_nsfw_concept: has_nsfw_concepts?.[index],
    }),
  );
}

/** Refuses a stream of pictures as addresses: events carry them in base64. */
export function assertStreamable({ output_format }: CheckedRequest): void {
  if (output_format !== 'url') return;
  throw new InputError('a stream carries pictures as b64_json, got "url"; say b64_json, or do not stream', {
    code: 'input/conflict',
    details: { field: 'output_format' },
  });
}

/** One event as it goes over the wire. An error is `{ error }`, which clients throw. */
export function encodeEvent(event: ImageEvent | HttpError['body']): string {
  const name = 'type' in event ? event.type : 'error';
  // JSON has no raw line breaks, so one data line is enough.
  return `event: ${name}\ndata: ${JSON.stringify(event)}\n\n`;
}

function sizeText({ width, height }: ImageSize): string {
  return `${width}x${height}`;
}
