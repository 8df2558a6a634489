import { FLUX_SRPO_DEFAULTS, FLUX_SRPO_SIZES, LIMITS, type Manifest } from '@flux-srpo/core';
import type { Preview } from '@flux-srpo/runtime';
import type { ModelFacts } from '../wire/model.ts';
import { pngSize } from '../wire/png-size.ts';
import type { ImageRequest } from '../wire/request.ts';
import { type ImageResponse, partialWarnings } from '../wire/response.ts';
import type { Remote } from './create-remote.ts';
import type { StreamedPartial } from './stream-reader.ts';

/**
 * A server's model. It has what `load` gives of a local model, except for what only a bundle knows.
 */
export interface RemoteModel extends ModelFacts {
  backend: 'remote';
  /** Everything the server has; `model` is the first. */
  models: string[];
  name: string;
  /** `unknown`: the server says which models it has, and no more. */
  licence: Manifest['licence'];
  examples: string[];
  fallback?: undefined;
}

/** Asks the server which models it has. */
export async function remoteModel(remote: Remote, signal: AbortSignal): Promise<RemoteModel> {
  const models = await remote.models({ signal });
  const [model] = models as [string];
  return {
    backend: 'remote',
    model,
    models,
    name: model,
    licence: { id: 'unknown' },
    examples: [],
    sizes: FLUX_SRPO_SIZES,
    defaults: FLUX_SRPO_DEFAULTS,
    // These are in the contract. A server that lacks one refuses the request.
    hasGuidance: true,
    hasSafetyChecker: true,
    hasStepCache: true,
  };
}

/** How to follow and end a request on the server. */
export interface GenerateThereOptions {
  signal: AbortSignal;
  /** A rough picture, as pixels. */
  onPartialImage?: ((image: Preview) => void) | undefined;
}

/**
 * A request on the server, with rough pictures as a local run gives them: as pixels, in order, and
 * all of them before the picture.
 */
export async function generateThere(
  remote: Remote,
  request: ImageRequest,
  { signal, onPartialImage }: GenerateThereOptions,
): Promise<ImageResponse> {
  if (onPartialImage === undefined) return remote.generate(request, { signal });
  let undecoded = 0;
  let previews: Promise<void> = Promise.resolve();
  const onPartial = (partial: StreamedPartial): void => {
    previews = previews.then(async () => {
      const image = await partialPreview(partial);
      if (image === undefined) undecoded++;
      else if (!signal.aborted) onPartialImage(image);
    });
  };
  const isAsked = (request.partial_images ?? 0) > 0;
  const body = isAsked ? { ...request, stream: true } : request;
  const response = await remote.generate(body, { signal, onPartial });
  await previews;
  signal.throwIfAborted();
  const warnings = [...response.warnings, ...partialWarnings(request, true)];
  const warn = (reason: string) => warnings.push({ field: 'partial_images', reason });
  if (warnings.length === response.warnings.length) {
    if (!isAsked) warn('a server sends rough pictures only with partial_images: 1 to 3');
    if (undecoded > 0) warn(`${undecoded} could not be decoded here`);
  }
  return { ...response, warnings };
}

/**
 * A rough picture of a stream as pixels, which is what a local run gives: with the browser's own
 * decoder, and not before its header has said that it is no larger than pictures are. `undefined`
 * where there is no decoder, or nothing to decode.
 */
async function partialPreview({ image, index, base64 }: StreamedPartial): Promise<Preview | undefined> {
  const { width, height } = pngSize(base64);
  const isPicture = width > 0 && height > 0 && Math.max(width, height) <= LIMITS.side[1];
  if (!isPicture || typeof createImageBitmap === 'undefined' || typeof OffscreenCanvas === 'undefined')
    return undefined;
  const file = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([file], { type: 'image/png' })).catch(() => undefined);
  const context = new OffscreenCanvas(width, height).getContext('2d');
  if (bitmap === undefined || context === null) return undefined;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data as Uint8ClampedArray<ArrayBuffer>;
  return { image, step: index, width, height, rgba };
}
