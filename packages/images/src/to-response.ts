import type { GenerateOutput, LoadedModel } from './protocol.ts';
import type { ParsedRequest } from './wire/request.ts';
import { type ImageResponse, toBase64, unixSeconds } from './wire/response.ts';

/** What the worker made, in the endpoint's words. Object URLs are made here, on the main thread: a worker's die with the worker. */
export function toResponse(
  { files, seed, timings, skippedSteps }: GenerateOutput,
  { transport, warnings }: ParsedRequest,
  { model, backend }: LoadedModel,
): ImageResponse {
  return {
    created: unixSeconds(),
    data: files.map((png) => ({
      url: transport === 'url' ? URL.createObjectURL(new Blob([png], { type: 'image/png' })) : '',
      b64_json: transport === 'b64_json' ? toBase64(png) : '',
      revised_prompt: '',
    })),
    seed,
    model,
    backend: 'local',
    device: backend,
    timings,
    skipped_steps: skippedSteps,
    warnings,
  };
}
