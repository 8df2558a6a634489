import type { ImageSize } from '@flux-srpo/core';
import type { HttpError } from './errors.ts';
import type { RequestWarning } from './request.ts';

/**
 * What comes over server-sent events with `stream: true`, in OpenAI's shapes.
 *
 * @see https://github.com/openai/openai-node/blob/7b7d6ca/src/resources/images.ts `ImageGenStreamEvent`
 */
export type ImageEvent = PartialImageEvent | CompletedEvent;

/** A rough picture on the way. */
export interface PartialImageEvent extends Picture {
  type: 'image_generation.partial_image';
  /** From 0. */
  partial_image_index: number;
}

/** The picture. */
export interface CompletedEvent extends Picture {
  type: 'image_generation.completed';
  /** Additions, as are the next three. */
  seed: number | null;
  image_index?: number;
  warnings?: RequestWarning[];
  /** Where a safety checker ran. A flagged picture is withheld: its `b64_json` is `""`. */
  has_nsfw_concept?: boolean;
}

interface Picture {
  /** A PNG in base64. */
  b64_json: string;
  /** Unix seconds. */
  created_at: number;
  /** `WIDTHxHEIGHT` */
  size: string;
  quality: 'auto';
  background: 'opaque';
  output_format: 'png';
}

/** What an event says of a picture. */
export interface PictureFacts {
  /** A PNG in base64. */
  b64_json: string;
  /** Unix seconds. */
  created: number;
  size: ImageSize;
}

/** The event of a rough picture. */
export function partialImageEvent(picture: PictureFacts, index: number): PartialImageEvent {
  return { type: 'image_generation.partial_image', ...common(picture), partial_image_index: index };
}

/** The event that ends a stream. */
export function completedEvent(picture: PictureFacts, seed: number | null): CompletedEvent {
  return { type: 'image_generation.completed', ...common(picture), seed };
}

/** One event as it goes over the wire. An error is `{ error }`, which clients throw. */
export function encodeEvent(event: ImageEvent | HttpError['body']): string {
  const name = 'type' in event ? event.type : 'error';
  // JSON has no raw line breaks, so one data line is enough.
  return `event: ${name}\ndata: ${JSON.stringify(event)}\n\n`;
}

function common({ b64_json, created, size }: PictureFacts): Picture {
  return {
    b64_json,
    created_at: created,
    size: `${size.width}x${size.height}`,
    quality: 'auto',
    background: 'opaque',
    output_format: 'png',
  };
}
