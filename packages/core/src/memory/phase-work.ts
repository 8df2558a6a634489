import { FLUX_SRPO_DEFAULTS } from '../defaults.ts';
import type { PlanPhase } from '../model/parts.ts';
import { type BufferCounts, pooledBytes } from './buffer-buckets.ts';
import { denoiseMoments, denoiseTables } from './denoise-work.ts';
import { modulationMoments } from './modulation-work.ts';
import type { PlanInput } from './plan-types.ts';
import { textMoments, textTables } from './text-work.ts';
import type { Work, WorkOptions } from './work-options.ts';

/** Work buffers and tables of every phase but the decoder's, which depend on its tiles. */
export function phaseWork(input: PlanInput): Record<Exclude<PlanPhase, 'decode'>, Work> {
  const { transformer, text_encoder_2 } = input.config;
  const options: WorkOptions = {
    size: input.size,
    textTokens: input.textTokens,
    n: input.n ?? 1,
    f16: input.f16 === true,
  };
  // A model may have both; what either needs at some moment is in the runtime's pool from then on.
  const classes = new Set(input.parts.map((part) => part.offsets));
  const ofAll = (moments: (options: WorkOptions) => BufferCounts[]) =>
    [...classes].flatMap((offsets) => moments({ ...options, offsets }));
  const text = ofAll((each) => textMoments(text_encoder_2, each));
  const bias = textTables(text_encoder_2, options);
  const modulation = modulationMoments(transformer, input.steps ?? FLUX_SRPO_DEFAULTS.num_inference_steps);
  const denoise = ofAll((each) => denoiseMoments(transformer, each));
  return {
    text: { bytes: pooledBytes(text) + bias, largest: Math.max(largestBuffer(text), bias) },
    modulation: { bytes: pooledBytes(modulation), largest: largestBuffer(modulation) },
    denoise: {
      bytes: pooledBytes(denoise) + denoiseTables(transformer, options),
      largest: largestBuffer(denoise),
    },
  };
}

function largestBuffer(moments: readonly BufferCounts[]): number {
  return Math.max(...moments.flatMap((buffers) => buffers.map(([, bytes]) => bytes)));
}
