import type { GenerateRequest } from '@flux-srpo/runtime';

/** What the embedded model draws: on the CPU when the bench is packed, on the GPU when it runs. */
export const PICTURE: GenerateRequest = { prompt: 'a red cat on the left in the snow, at night', seed: 5 };
