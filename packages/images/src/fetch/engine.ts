import type { GenerateOptions } from '../client/image-client.ts';
import type { ImageRequest } from '../wire/request.ts';
import type { ImageResponse } from '../wire/response.ts';

/** Answers the endpoint: a client of `createFluxSrpo`, or the engine of `flux-srpo serve`. */
export interface ImageEngine {
  images: {
    /** As of `createFluxSrpo`. */
    generate(request: ImageRequest, options?: GenerateOptions): Promise<ImageResponse>;
  };
  /** Names the one model there is. */
  load(options?: { signal?: AbortSignal | undefined }): Promise<{ model: string }>;
}
