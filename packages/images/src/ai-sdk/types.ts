import type { ImageRequest } from '../wire/request.ts';

/**
 * The image model of the AI SDK's provider specification, version 3, as far as this library fills
 * it in: what `ai` 6 and 7 both take. Spelled out so that nobody needs `@ai-sdk/provider`; a test
 * checks that it fits.
 *
 * @see https://github.com/vercel/ai/blob/1fc17d23/packages/provider/src/image-model/v3/image-model-v3.ts
 */
export interface FluxSrpoImageModel {
  readonly specificationVersion: 'v3';
  readonly provider: 'flux-srpo';
  /** The `model` field of requests. */
  readonly modelId: string;
  readonly maxImagesPerCall: number;
  /** What `generateImage` calls. */
  doGenerate(options: ImageModelCallOptions): Promise<ImageModelResult>;
}

/** What the AI SDK asks for; a field that this model lacks comes back in `warnings`. */
export interface ImageModelCallOptions {
  prompt: string | undefined;
  n: number;
  size: `${number}x${number}` | undefined;
  aspectRatio: `${number}:${number}` | undefined;
  seed: number | undefined;
  files: readonly unknown[] | undefined;
  mask: unknown;
  providerOptions: Record<string, Record<string, unknown> | undefined>;
  abortSignal?: AbortSignal | undefined;
  headers?: Record<string, string | undefined> | undefined;
}

/** `providerOptions.fluxSrpo`: the endpoint's own fields that the AI SDK has no word for. */
export type FluxSrpoProviderOptions = Pick<
  ImageRequest,
  | 'num_inference_steps'
  | 'guidance_scale'
  | 'acceleration'
  | 'enable_safety_checker'
  | 'max_sequence_length'
  | 'image_size'
>;

/** What was asked for and changed nothing. */
export type ImageModelWarning =
  | { type: 'unsupported'; feature: string; details?: string }
  | { type: 'other'; message: string };

/** What the AI SDK gets. */
export interface ImageModelResult {
  /** PNG files in base64; `""` for a picture that the safety checker withheld. */
  images: string[];
  warnings: ImageModelWarning[];
  providerMetadata: {
    fluxSrpo: {
      /** One entry per picture. */
      images: { seed?: number; flagged?: boolean }[];
      backend: 'local' | 'remote';
      skippedSteps: number;
    };
  };
  response: { timestamp: Date; modelId: string; headers: undefined };
}
