import { type ImageSize, InputError, LIMITS, type Manifest } from '@flux-srpo/core';
import type { ImageEngine } from '../fetch/engine.ts';
import { present } from '../wire/present.ts';
import type { CheckedRequest, ImageRequest } from '../wire/request.ts';
import type { ImageResponse } from '../wire/response.ts';
import { sizeForRatio } from './aspect-ratio.ts';
import type { FluxSrpoImageModel, ImageModelCallOptions, ImageModelResult, ImageModelWarning } from './types.ts';

/** What `providerOptions.fluxSrpo` may set; the AI SDK has words for the rest of a request. */
const OPTIONS: readonly string[] = [
  'num_inference_steps',
  'guidance_scale',
  'acceleration',
  'enable_safety_checker',
  'max_sequence_length',
  'image_size',
];

/** An engine that also says what sizes its model has, to map an aspect ratio. */
export interface SizedEngine extends ImageEngine {
  load(options?: { signal?: AbortSignal | undefined }): Promise<Pick<Manifest, 'model' | 'sizes' | 'defaults'>>;
}

/**
 * An image model for the AI SDK's `generateImage`.
 *
 * @param modelId the `model` field of requests
 * @example const { image } = await generateImage({ model: fluxSrpoImageModel(flux), prompt: 'a red
 *   house', seed: 7 });
 */
export function fluxSrpoImageModel(engine: SizedEngine, modelId = 'flux-srpo-text-to-image'): FluxSrpoImageModel {
  return {
    specificationVersion: 'v3',
    provider: 'flux-srpo',
    modelId,
    // The AI SDK would split a call itself, but run the pieces at once and all with one seed, which
    // gives the same pictures again.
    maxImagesPerCall: Number.MAX_SAFE_INTEGER,
    async doGenerate(options) {
      const warnings: ImageModelWarning[] = [];
      const request = await toRequest(engine, modelId, options, warnings);
      const responses: ImageResponse[] = [];
      for (const piece of inPieces(request)) {
        responses.push(await engine.images.generate(piece, { signal: options.abortSignal }));
      }
      return toResult(responses, modelId, warnings);
    },
  };
}

/** Requests of ten pictures and a rest. Those after the first get the next seeds. */
function* inPieces({ n = 1, seed, ...request }: CheckedRequest): Generator<ImageRequest> {
  let left = n;
  // A count that is none makes one request, which the engine refuses.
  for (let i = 0; i === 0 || left > 0; i++) {
    const piece = Math.min(left, LIMITS.n[1]);
    yield { ...request, n: piece, ...(seed === undefined ? {} : { seed: seed + i }) };
    left -= piece;
  }
}

function toResult(
  responses: readonly ImageResponse[],
  modelId: string,
  warnings: ImageModelWarning[],
): ImageModelResult {
  const [first] = responses as [ImageResponse];
  for (const { field, reason } of first.warnings) warnings.push({ type: 'other', message: `${field}: ${reason}` });
  return {
    images: responses.flatMap(({ data }) => data.map(({ b64_json = '' }) => b64_json)),
    warnings,
    providerMetadata: {
      fluxSrpo: {
        images: responses.flatMap((response) =>
          response.data.map((image, i) =>
            present({ seed: image.seed ?? response.seed, flagged: response.has_nsfw_concepts?.[i] }),
          ),
        ),
        backend: first.backend,
        skippedSteps: responses.reduce((sum, { skipped_steps = 0 }) => sum + skipped_steps, 0),
      },
    },
    response: { timestamp: new Date(first.created * 1000), modelId, headers: undefined },
  };
}

async function toRequest(
  engine: SizedEngine,
  model: string,
  { prompt, n, size, aspectRatio, seed, files, mask, providerOptions, abortSignal }: ImageModelCallOptions,
  warnings: ImageModelWarning[],
): Promise<CheckedRequest> {
  // An edit without its picture would be another picture, so this is no warning.
  if (files !== undefined || mask !== undefined) throw unsupported(files === undefined ? 'mask' : 'files');
  const own = providerOptions.fluxSrpo ?? {};
  for (const field of Object.keys(own)) {
    if (!OPTIONS.includes(field)) throw unsupported(`providerOptions.fluxSrpo.${field.slice(0, 40)}`);
  }
  let image_size: ImageSize | undefined;
  if (aspectRatio !== undefined) {
    if (size === undefined && own.image_size === undefined) {
      image_size = sizeForRatio(aspectRatio, await engine.load({ signal: abortSignal }));
      if (image_size === undefined) {
        const details = 'no size of this model has exactly this ratio; the default size is used';
        warnings.push({ type: 'unsupported', feature: 'aspectRatio', details });
      }
    } else {
      warnings.push({ type: 'unsupported', feature: 'aspectRatio', details: 'the size that is given decides' });
    }
  }
  return {
    ...own,
    model,
    prompt: prompt as string,
    n,
    output_format: 'b64_json',
    ...present({ size, image_size, seed }),
  };
}

function unsupported(field: string): InputError {
  return new InputError(`${field} is not supported: the model draws from text, with the fields ${OPTIONS.join(', ')}`, {
    code: 'input/field-unsupported',
    details: { field },
  });
}
