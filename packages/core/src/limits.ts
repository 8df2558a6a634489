/** The words and limits of a request, for every way of asking. */

/** Lowest and highest value that is taken, both included. */
export type Range = readonly [min: number, max: number];

/** By field of a request. */
export const LIMITS = {
  /**
   * Pictures of one request. The latents of all of them are held at once.
   * @see https://github.com/openai/openai-node/blob/7b7d6ca/src/resources/images.ts `ImageGenerateParams.n`
   */
  n: [1, 10],
  /** With more, the schedule no longer changes the picture, and a run takes hours. */
  num_inference_steps: [1, 1000],
  guidance_scale: [0, 100],
  /** Integers that a JavaScript number holds exactly. torch's generator uses the low 32 bits. */
  seed: [0, Number.MAX_SAFE_INTEGER],
  /**
   * T5 tokens.
   * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/pipelines/flux/pipeline_flux.py `check_inputs`
   */
  max_sequence_length: [1, 512],
  /**
   * Rough pictures of each picture, in a stream.
   * @see https://github.com/openai/openai-node/blob/7b7d6ca/src/resources/images.ts `ImageGenerateParams.partial_images`
   */
  partial_images: [0, 3],
  /** Pixels of a side, multiples of 16. Up to 4096, bfloat16 counts all rope positions exactly. */
  side: [16, 4096],
} as const satisfies Record<string, Range>;

/** UTF-16 units of a prompt, as OpenAI limits it. A longer one is refused unread. */
export const MAX_PROMPT_CHARACTERS = 32_000;

/** Steps that the step cache may skip: `none` is exact; `high` skips most and blurs detail. */
export type Acceleration = (typeof ACCELERATIONS)[number];

/** Every {@link Acceleration}, the exact one first. */
export const ACCELERATIONS = ['none', 'regular', 'high'] as const;

/** A named size. How many pixels it has, the bundle's manifest says. */
export type SizePreset = (typeof SIZE_PRESETS)[number];

/** Every {@link SizePreset}. */
export const SIZE_PRESETS = [
  'square_hd',
  'square',
  'portrait_4_3',
  'portrait_16_9',
  'landscape_4_3',
  'landscape_16_9',
] as const;

export function isSizePreset(size: string): size is SizePreset {
  return (SIZE_PRESETS as readonly string[]).includes(size);
}
