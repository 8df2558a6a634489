import type { Acceleration, ImageSize, SizePreset } from '@flux-srpo/core';

/**
 * The body of `POST /v1/images/generations`, field for field, with OpenAI's spellings of the same
 * things. An optional field that is `null` or `undefined` counts as not sent. `size` and
 * `image_size`, and two different transports, exclude each other.
 */
export interface ImageRequest {
  /**
   * The bundle's model id, as `load()` says it. Another name is refused. Without it a client and
   * `flux-srpo serve` draw with the model that they have; other servers may require it.
   */
  model?: string | null;
  /** What to draw. */
  prompt: string;
  /**
   * A preset of the model, `WIDTHxHEIGHT` in multiples of 16, or `auto`.
   * @default the bundle's
   */
  size?: SizePreset | `${number}x${number}` | 'auto' | null;
  /** Instead of `size`. */
  image_size?: ImageSize | null;
  /** 1 … 1000. @default the bundle's */
  num_inference_steps?: number | null;
  /** Strength of the prompt; one pass, not two. 0 … 100. @default the bundle's */
  guidance_scale?: number | null;
  /** `none` computes every step; the others let a step cache skip some. @default 'none' */
  acceleration?: Acceleration | null;
  /**
   * Same seed, prompt, size, n and model: same pictures. 0 … 2⁵³ − 1.
   * @default random, reported back
   */
  seed?: number | null;
  /** Withholds pictures that the bundle's classifier flags. @default false */
  enable_safety_checker?: boolean | null;
  /** Pictures of one batch of noise. 1 … 10. @default 1 */
  n?: number | null;
  /**
   * `url` or `b64_json`: how pictures are handed over. OpenAI's clients give a file format here,
   * and the transport as `response_format`. All pictures are PNG files, which a warning says where
   * another was asked for.
   * @default 'url'
   */
  output_format?: Transport | FileFormat | null;
  /** OpenAI's name for the transport. */
  response_format?: Transport | null;
  /** Over HTTP server-sent events; in a function call an async iterable of the same events. */
  stream?: boolean | null;
  /** Rough pictures on the way, with `stream`. 0 … 3. @default 0 */
  partial_images?: number | null;
  /** Most T5 tokens of the prompt. 1 … 512. @default the bundle's */
  max_sequence_length?: number | null;
  /** No effect: comes back in `warnings`. */
  quality?: string | null;
  /** No effect: comes back in `warnings`. */
  style?: string | null;
  /** No effect: comes back in `warnings`. */
  user?: string | null;
  /** No effect: comes back in `warnings`. */
  moderation?: string | null;
  /** No effect: comes back in `warnings`. */
  output_compression?: number | null;
  /** No effect: comes back in `warnings`. */
  background?: 'auto' | 'opaque' | null;
}

/** How pictures are handed over: an address, or base64. */
export type Transport = (typeof TRANSPORTS)[number];

export const TRANSPORTS = ['url', 'b64_json'] as const;

/** What OpenAI's `output_format` may be. */
export type FileFormat = (typeof FILE_FORMATS)[number];

export const FILE_FORMATS = ['png', 'jpeg', 'webp'] as const;

/** A field that was understood and changed nothing. */
export interface RequestWarning {
  field: string;
  reason: string;
}

/** The fields that were sent. */
export type CheckedRequest = { [Field in keyof ImageRequest]: NonNullable<ImageRequest[Field]> };

/** A checked request, and the warnings about it. */
export interface ParsedRequest {
  /**
   * Each choice has one spelling: there is no `response_format`, `output_format` is a transport,
   * and fields without effect are gone.
   */
  request: CheckedRequest;
  transport: Transport;
  warnings: RequestWarning[];
}
