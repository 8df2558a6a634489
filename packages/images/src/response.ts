import type { GenerateOutput, LoadedModel } from './protocol.ts';
import type { RequestWarning, Transport } from './wire/request.ts';
import { type ImageResponse, promptWarnings, toBase64, unixSeconds } from './wire/response.ts';

/** The response of a local run. Object URLs are made here, on the main thread: a worker's die with the worker. */
export function localResponse(
  { files, flagged, seed, skippedSteps, dropped, timings }: GenerateOutput,
  transport: Transport,
  { model, backend }: LoadedModel,
  warnings: RequestWarning[],
): ImageResponse {
  return {
    created: unixSeconds(),
    data: files.map((png, i) => {
      const isWithheld = flagged?.[i] === true;
      return {
        url: transport === 'url' && !isWithheld ? URL.createObjectURL(new Blob([png], { type: 'image/png' })) : '',
        b64_json: transport === 'b64_json' && !isWithheld ? toBase64(png) : '',
        revised_prompt: '',
      };
    }),
    seed,
    model,
    backend: 'local',
    device: backend,
    timings,
    skipped_steps: skippedSteps,
    warnings: [...warnings, ...promptWarnings(dropped)],
    ...(flagged === undefined ? {} : { has_nsfw_concepts: flagged }),
  };
}
