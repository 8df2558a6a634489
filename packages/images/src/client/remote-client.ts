import { FLUX_SRPO_DEFAULTS, FLUX_SRPO_SIZES, LIMITS } from '@flux-srpo/core';
import type { Preview } from '@flux-srpo/runtime';
import { connect, type Remote } from '../remote/create-remote.ts';
import type { RemoteOptions } from '../remote/options.ts';
import { resolveOptions } from '../remote/settings.ts';
import type { StreamedPartial } from '../remote/stream.ts';
import { partialImageEvent } from '../wire/events.ts';
import { pngSize } from '../wire/png-size.ts';
import type { ImageRequest } from '../wire/request.ts';
import { type ImageResponse, partialWarnings, unixSeconds } from '../wire/response.ts';
import type { Call, ImageClient, RemoteModel } from './image-client.ts';

/** Has pictures made by a server. */
export class RemoteClient implements ImageClient {
  readonly #remote: Remote;

  constructor(options: RemoteOptions) {
    this.#remote = connect(resolveOptions(options, 'remote'));
  }

  async load({ signal }: Call): Promise<RemoteModel> {
    const models = await this.#remote.models({ signal });
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

  /**
   * Rough pictures come as a local run gives them: as events or as pixels, in order, and all of
   * them before the picture.
   */
  async generate(request: ImageRequest, { signal, onPartialImage, onEvent }: Call): Promise<ImageResponse> {
    if (onEvent !== undefined) {
      const onPartial = ({ image, index, base64, size = pngSize(base64) }: StreamedPartial): void =>
        onEvent(partialImageEvent({ b64_json: base64, created: unixSeconds(), size, image }, index));
      return this.#remote.generate(request, { signal, onPartial });
    }
    if (onPartialImage === undefined) return this.#remote.generate(request, { signal });
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
    const response = await this.#remote.generate(body, { signal, onPartial });
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
