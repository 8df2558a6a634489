import { type ImageSize, isSizePreset, type Manifest, ModelError, parseSize, type SizePreset } from '@flux-srpo/core';
import type { GenerateRequest } from '@flux-srpo/runtime';
import type { CheckedRequest, RequestWarning } from './request.ts';
import { unsupported } from './rules.ts';

/** What the manifest says of a bundle, as far as a request needs it. Plain data. */
export interface ModelFacts {
  /** The `model` field of a request. */
  model: string;
  sizes: Record<SizePreset, ImageSize>;
  defaults: Manifest['defaults'];
  /** Whether the network takes `guidance_scale`. */
  hasGuidance: boolean;
  /** Whether the bundle holds a safety classifier. */
  hasSafetyChecker: boolean;
  /** Whether the bundle holds the graphs that compare steps, which `acceleration` needs. */
  hasStepCache: boolean;
}

/** What a request needs to know of a bundle. */
export function modelFacts(manifest: Manifest): ModelFacts {
  return {
    model: manifest.model,
    sizes: manifest.sizes,
    defaults: manifest.defaults,
    hasGuidance: manifest.config.transformer.guidance_embeds,
    hasSafetyChecker: manifest.safety_checker !== undefined,
    hasStepCache: Object.hasOwn(manifest.graphs, 'cache_change'),
  };
}

/**
 * The request in the engine's words. The engine fills in what the request leaves open: the seed at
 * random, the rest from the bundle.
 */
export function toEngineRequest(request: CheckedRequest, model: ModelFacts): GenerateRequest {
  if (request.model !== undefined && request.model !== model.model) {
    throw new ModelError(`model must be "${model.model}", the one model here, got "${request.model.slice(0, 80)}"`, {
      code: 'model/not-found',
      details: { field: 'model', loaded: model.model },
    });
  }
  if (request.enable_safety_checker === true && !model.hasSafetyChecker) {
    throw new ModelError(
      'enable_safety_checker must be false: this bundle has no safety_checker; add one when converting, or do not ask',
      { code: 'model/safety-checker-missing', details: { field: 'enable_safety_checker' } },
    );
  }
  if (request.acceleration !== undefined && request.acceleration !== 'none' && !model.hasStepCache) {
    throw unsupported(
      'acceleration',
      `acceleration must be "none": this bundle has no step cache; convert it again, got "${request.acceleration}"`,
    );
  }
  return {
    prompt: request.prompt,
    size: sizeOf(request, model),
    steps: request.num_inference_steps,
    guidance: request.guidance_scale,
    acceleration: request.acceleration,
    enableSafetyChecker: request.enable_safety_checker,
    seed: request.seed,
    n: request.n,
    maxSequenceLength: request.max_sequence_length,
  };
}

/** Warnings for fields that were understood and change nothing with this model. */
export function modelWarnings(
  { guidance_scale }: Pick<CheckedRequest, 'guidance_scale'>,
  { hasGuidance }: Pick<ModelFacts, 'hasGuidance'>,
): RequestWarning[] {
  if (hasGuidance || guidance_scale === undefined) return [];
  return [{ field: 'guidance_scale', reason: 'this model has no input for guidance' }];
}

/** Pixels of the pictures that a request asks for. */
export function sizeOf(
  { size, image_size }: Pick<CheckedRequest, 'size' | 'image_size'>,
  model: ModelFacts,
): ImageSize {
  if (image_size !== undefined) return image_size;
  const asked = size === undefined || size === 'auto' ? model.defaults.size : size;
  return isSizePreset(asked) ? model.sizes[asked] : parseSize(asked);
}
