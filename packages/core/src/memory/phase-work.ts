import { FLUX_SRPO_DEFAULTS } from '../defaults.ts';
import { hiddenSize, type T5Config, type TransformerConfig } from '../model/config.ts';
import { modulationParts, type PlanPhase } from '../model/parts.ts';
import { storedWidth } from '../model/weight-blocks.ts';
import { type BufferCounts, pooledBytes } from './buffer-buckets.ts';
import { denoiseMoments, denoiseTables } from './denoise-work.ts';
import type { PlanInput } from './plan-types.ts';
import { FLOAT_BYTES, HALF_BYTES, type Work, type WorkOptions } from './work-options.ts';

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
    denoise: { bytes: pooledBytes(denoise) + denoiseTables(transformer, options), largest: largestBuffer(denoise) },
  };
}

function largestBuffer(moments: readonly BufferCounts[]): number {
  return Math.max(...moments.flatMap((buffers) => buffers.map(([, bytes]) => bytes)));
}

/** Work buffers of a T5 layer at its fullest: in attention and feed-forward. CLIP's are smaller. */
function textMoments(config: T5Config, { textTokens, f16, offsets }: WorkOptions): BufferCounts[] {
  const stream = textTokens * config.d_model * FLOAT_BYTES;
  const inner = textTokens * config.num_heads * config.d_kv * FLOAT_BYTES;
  const gate = textTokens * config.d_ff * FLOAT_BYTES;
  // In half precision: the normed input, and a linear layer's result before it is float32 again.
  // Where offsets are added, the results before that and the products as well.
  const isAdded = offsets === 'q4k';
  const halved = (bytes: number, count = isAdded ? 3 : 1): BufferCounts =>
    f16 ? [[count, (bytes * HALF_BYTES) / FLOAT_BYTES]] : [];
  const sums = textTokens * storedWidth(config.d_model, 'q4m') * (f16 ? HALF_BYTES : FLOAT_BYTES);
  const copies: BufferCounts = [...halved(stream), ...(offsets === 'q4m' ? [[1, sums] as const] : [])];
  return [
    [[2, stream], [6, inner], ...halved(inner, 1), ...copies],
    [[3, stream], [isAdded && !f16 ? 4 : 3, gate], ...halved(gate), ...copies],
  ];
}

/** Bytes of T5's position bias [heads, S, S], which stays for all layers. */
function textTables(config: T5Config, { textTokens }: WorkOptions): number {
  return config.num_heads * textTokens * textTokens * FLOAT_BYTES;
}

/** Work buffers of the modulation. Its tables have a row per step and are read back by part. */
function modulationMoments(config: TransformerConfig, steps: number): BufferCounts[] {
  const table = (vectors: number) => steps * vectors * hiddenSize(config) * FLOAT_BYTES;
  const results = new Set(modulationParts(config).map(({ vectors }) => table(vectors)));
  return [
    // The embeddings of timestep and guidance, before and after SiLU.
    [[4, table(1)]],
    // The conditioning; a part's result, and its copy on the way to the CPU.
    ...[...results].map(
      (result): BufferCounts => [
        [1, table(1)],
        [2, result],
      ],
    ),
  ];
}
