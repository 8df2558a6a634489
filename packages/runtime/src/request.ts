import {
  ACCELERATIONS,
  type Acceleration,
  type ImageSize,
  LIMITS,
  type Manifest,
  ModelError,
  randomSeed,
  readPrompt,
  readSize,
  strict,
} from '@flux-srpo/core';

/** What a generation needs, in the engine's words, within core's `LIMITS`. */
export interface GenerateRequest {
  prompt: string;
  size?: ImageSize | undefined;
  /** Denoising steps. */
  steps?: number | undefined;
  /** Distilled guidance, an input of the model, not a second pass. */
  guidance?: number | undefined;
  /** Same seed, prompt, size, bundle: same picture. Default random. Modulo 2³², as in torch. */
  seed?: number | undefined;
  /** Pictures of one batch of noise. */
  n?: number | undefined;
  /** T5 tokens, padding included. */
  maxSequenceLength?: number | undefined;
  /** Skips steps in which little changes. Default `none`: every step is computed. */
  acceleration?: Acceleration | undefined;
  /** Withholds pictures that the bundle's classifier flags; makes no previews. Default false. */
  enableSafetyChecker?: boolean | undefined;
}

export type ResolvedRequest = { [Key in keyof GenerateRequest]-?: NonNullable<GenerateRequest[Key]> };

const fields = strict.object<Pick<ResolvedRequest, 'prompt'> & Partial<ResolvedRequest>>({
  prompt: readPrompt,
  size: strict.optional(readSize),
  steps: strict.optional(strict.integer(...LIMITS.num_inference_steps)),
  guidance: strict.optional(strict.number(...LIMITS.guidance_scale)),
  seed: strict.optional(strict.integer(...LIMITS.seed)),
  n: strict.optional(strict.integer(...LIMITS.n)),
  maxSequenceLength: strict.optional(strict.integer(...LIMITS.max_sequence_length)),
  acceleration: strict.optional(strict.oneOf(...ACCELERATIONS)),
  enableSafetyChecker: strict.optional(strict.boolean),
});

/** Checks every field and fills in the bundle's defaults. Nothing is clamped or rounded. */
export function resolveRequest(request: GenerateRequest, manifest: Manifest): ResolvedRequest {
  const { defaults, sizes, tokenizers, safety_checker } = manifest;
  const given = fields(request, '');
  if (given.enableSafetyChecker === true && safety_checker === undefined) {
    throw new ModelError(
      'enable_safety_checker must be false: this bundle has no safety checker; convert it with one, or do not ask',
      { code: 'model/safety-checker-missing', details: { field: 'enable_safety_checker' } },
    );
  }
  return {
    size: sizes[defaults.size],
    steps: defaults.num_inference_steps,
    guidance: defaults.guidance_scale,
    seed: given.seed ?? randomSeed(),
    n: 1,
    maxSequenceLength: tokenizers.tokenizer_2.max_length,
    acceleration: 'none',
    enableSafetyChecker: false,
    ...given,
  };
}
