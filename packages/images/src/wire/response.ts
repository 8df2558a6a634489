import { formatCount } from '@flux-srpo/core';
import type { GenerateResult, Timings } from '@flux-srpo/runtime';
import { present } from './present.ts';
import type { ImageRequest, RequestWarning, Transport } from './request.ts';

/**
 * The endpoint's `200` body. OpenAI has `created` and `data`; the other fields are this project's.
 * A field that would hold nothing is left out.
 */
export interface ImageResponse {
  /** Unix seconds. */
  created: number;
  data: ResponseImage[];
  /** The same seed gives the same pictures. Absent where a remote service does not tell. */
  seed?: number;
  /** The model that drew. Absent where a remote service has one model and no name for it. */
  model?: string;
  backend: 'local' | 'remote';
  /** What computed it, for a local run. */
  device?: 'webgpu' | 'wasm' | 'node';
  /** Milliseconds, for a local run. */
  timings?: Timings;
  /** What of the device's memory the picture took, for a local run. */
  memory?: CountedMemory;
  /** Steps that the step cache answered (`acceleration`). */
  skipped_steps?: number;
  /** Fields that were understood and had no effect. */
  warnings: RequestWarning[];
  /** One per picture, where a safety checker ran. A flagged one has no `url` and no `b64_json`. */
  has_nsfw_concepts?: boolean[];
}

/** Bytes of weights and work buffers, at most at once. */
export interface CountedMemory {
  /** As the memory plan said before the run. */
  planned: number;
  /** As they were taken. On the CPU what the runtime takes for its own work is not counted. */
  counted: number;
}

/** The memory of a finished generation. */
export function countedMemory({ plan, memory }: Pick<GenerateResult, 'plan' | 'memory'>): CountedMemory {
  return { planned: plan.peak, counted: memory.peakBytes };
}

/** One picture of a response: its `url` or its `b64_json`. */
export interface ResponseImage {
  /**
   * Where the PNG is. A local `blob:` URL lives until it is revoked, the client is disposed or the
   * page ends.
   */
  url?: string;
  /** The PNG in base64, without a `data:` prefix. */
  b64_json?: string;
  /** Where a service drew another prompt. */
  revised_prompt?: string;
  /** Where a service gives each picture a seed of its own. */
  seed?: number;
}

/** What a local run made, wherever it ran. */
export interface LocalRun {
  /** One PNG file per picture. */
  files: readonly Uint8Array<ArrayBuffer>[];
  /** One per picture, where the safety checker ran. */
  flagged?: boolean[];
  seed: number;
  skippedSteps: number;
  /** Prompt tokens that did not fit, by encoder. */
  dropped: { clip: number; t5: number };
  timings: Timings;
  memory: CountedMemory;
}

/** How a local run is to be answered. */
export interface LocalAnswer {
  transport: Transport;
  model: string;
  device: NonNullable<ImageResponse['device']>;
  /** Warnings about the request. */
  warnings: readonly RequestWarning[];
  /** Makes the address of a picture. Not called for a withheld one. */
  publish: (png: Uint8Array<ArrayBuffer>) => string | Promise<string>;
}

/** The response of a local run, in page and Node: the one place that withholds pictures. */
export async function localResponse(run: LocalRun, answer: LocalAnswer): Promise<ImageResponse> {
  const { files, flagged, seed, skippedSteps, dropped, timings, memory } = run;
  const { transport, model, device, warnings, publish } = answer;
  return present({
    created: unixSeconds(),
    data: await Promise.all(
      files.map(async (png, i) => {
        if (flagged?.[i] === true) return {};
        return transport === 'url' ? { url: await publish(png) } : { b64_json: toBase64(png) };
      }),
    ),
    seed,
    model,
    backend: 'local' as const,
    device,
    timings,
    memory,
    skipped_steps: skippedSteps,
    warnings: [...warnings, ...promptWarnings(dropped)],
    has_nsfw_concepts: flagged,
  });
}

/**
 * Warnings for a prompt that is too long for an encoder: the lost tokens change the picture.
 */
export function promptWarnings(dropped: { clip: number; t5: number }): RequestWarning[] {
  const warnings: RequestWarning[] = [];
  const warn = (reason: string): void => void warnings.push({ field: 'prompt', reason });
  if (dropped.t5 > 0)
    warn(`its last ${formatCount(dropped.t5, 'token')} did not fit into max_sequence_length, and had no effect`);
  if (dropped.clip > 0)
    warn(`its last ${formatCount(dropped.clip, 'token')} did not fit into CLIP, which gives the overall direction`);
  return warnings;
}

/** The warning for rough pictures with the safety checker: none is shown unchecked. */
export function partialWarnings(
  { enable_safety_checker }: Pick<ImageRequest, 'enable_safety_checker'>,
  wantsPartials: boolean,
): RequestWarning[] {
  if (!wantsPartials || enable_safety_checker !== true) return [];
  return [{ field: 'partial_images', reason: 'nothing of a picture is shown before the safety checker has seen it' }];
}

/** Seconds since 1970, as `created` has them. */
export function unixSeconds(date = Date.now()): number {
  return Math.floor(date / 1000);
}

/** Bytes per call of `String.fromCharCode`: engines bound the number of arguments. */
const PIECE = 0x8000;

/** Base64 without a `data:` prefix. */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += PIECE) text += String.fromCharCode(...bytes.subarray(i, i + PIECE));
  return btoa(text);
}
