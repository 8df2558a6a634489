import type { Progress } from '@flux-srpo/core';
import type { Preview } from '@flux-srpo/runtime';
import type { ImageRequest } from '../wire/request.ts';
import type { ImageResponse } from '../wire/response.ts';

/**
 * What can answer the endpoint: a client made by `createFluxSrpo`, or the engine of `flux-srpo
 * serve`.
 */
export interface ImageEngine {
  images: {
    /** As of `createFluxSrpo`. */
    generate(
      request: ImageRequest,
      options?: {
        signal?: AbortSignal | undefined;
        onProgress?: ((progress: Progress) => void) | undefined;
        onPartialImage?: ((image: Preview) => void) | undefined;
      },
    ): Promise<ImageResponse>;
  };
  /** Names the one model there is. */
  load(options?: { signal?: AbortSignal | undefined }): Promise<{ model: string }>;
}
