import type { Timings } from '@flux-srpo/runtime';
import type { GenerateOutput, LoadedModel } from './protocol.ts';
import type { OutputFormat } from './request.ts';

/** The endpoint's `200` body, and what only a local run knows. As there, string fields that are not used are `""`. */
export interface ImageResponse {
  /** Unix seconds. */
  created: number;
  data: {
    /** `blob:` URL of a PNG; lives until `URL.revokeObjectURL`, the client's `dispose()` or the page's end. */
    url: string;
    /** The PNG in base64, without a `data:` prefix. */
    b64_json: string;
    revised_prompt: string;
  }[];
  /** The same seed gives the same pictures. */
  seed: number;
  model: string;
  backend: 'webgpu' | 'wasm';
  timings: Timings;
}

/** Object URLs are made here, on the main thread: a worker's die with the worker. */
export function makeResponse(
  { files, seed, timings }: GenerateOutput,
  format: OutputFormat,
  { model, backend }: LoadedModel,
): ImageResponse {
  return {
    created: Math.floor(Date.now() / 1000),
    data: files.map((png) => ({
      url: format === 'url' ? URL.createObjectURL(new Blob([png], { type: 'image/png' })) : '',
      b64_json: format === 'b64_json' ? toBase64(png) : '',
      revised_prompt: '',
    })),
    seed,
    model,
    backend,
    timings,
  };
}

/** Bytes per call of `String.fromCharCode`: engines bound the number of arguments. */
const PIECE = 0x8000;

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += PIECE) text += String.fromCharCode(...bytes.subarray(i, i + PIECE));
  return btoa(text);
}
