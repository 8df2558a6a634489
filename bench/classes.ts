// What each weight class costs each kind of tensor. FLUX.1 [dev]'s whole shape (T5-XXL, CLIP-L, 57
// blocks of width 3072) runs once from token embeddings to the velocity, with one kind of tensor in
// 4 or 8 bits or in halves and all others in float32.
//
//   npx tsx bench/classes.ts [--weights "student t 5"] [--size 128x128] [--text-tokens 64]
//                            [--double 19] [--single 38] [--t5 24] [--only attention,mlp]
//
// One JSON line per block, the last for the velocity: the relative RMS error of each kind in each
// class, and of whole class maps.
//
// In float32 the weights are 66 GB. They are made part by part, and every variant goes through a
// part before the next is made. Weights have one of bench/quantization.ts's distributions, scaled
// so that a linear layer keeps the size of what goes in. Random layers are no trained ones: compare
// the kinds with each other.

import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  FLUX1_DEV,
  type ModelConfig,
  modelTimestep,
  parseSize,
  ropeTables,
  sinusoidalEmbedding,
  t5PositionBias,
  tokenCount,
  tokenGrid,
  torchRandn,
  type WeightClass,
} from '@flux-srpo/core';
import {
  buildGraph,
  CLASS_MAPS,
  planParts,
  quantizeQ4,
  quantizeQ4m,
  quantizeQ8,
  resolveClass,
  type WeightSlot,
  weightInputs,
} from '@flux-srpo/export';
import { e4m4ToF32 } from '@flux-srpo/formats';
import type { HostTensor } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { RandomWords } from '../packages/export/src/synth/random-words.ts';
import { DISTRIBUTIONS, type Distribution, distribution } from '../packages/export/src/test-support/distributions.ts';
import { relativeRms } from '../test/support/relative-rms.ts';

const { values: args } = parseArgs({
  options: {
    weights: { type: 'string', default: 'student t 5' },
    size: { type: 'string', default: '128x128' },
    'text-tokens': { type: 'string', default: '64' },
    double: { type: 'string', default: '19' },
    single: { type: 'string', default: '38' },
    t5: { type: 'string', default: '24' },
    only: { type: 'string' },
  },
});
const CLASSES = ['q4', 'q4m', 'q8', 'f16'] as const satisfies WeightClass[];
const MAP_NAMES = ['q4', 'q4m', 'q8', 'f16'] as const;

const config: ModelConfig = {
  ...FLUX1_DEV,
  transformer: {
    ...FLUX1_DEV.transformer,
    num_layers: Number(args.double),
    num_single_layers: Number(args.single),
  },
  text_encoder_2: { ...FLUX1_DEV.text_encoder_2, num_layers: Number(args.t5) },
};
const { transformer, text_encoder: clip, text_encoder_2: t5 } = config;
const size = parseSize(args.size);
const textTokens = Number(args['text-tokens']);
/** A noise level of the first steps, where a picture is decided. */
const SIGMA = 0.9;
const GUIDANCE = 4.5;
/**
 * Of norms of q and k. Scores of deviation 2.6: attention that chooses a few tokens, as a trained
 * one does.
 */
const SHARPNESS = 1.6;

/**
 * The kinds of linear layers that are told apart: the class map's, and each layer outside the
 * blocks by itself.
 */
function kindOf(part: string, { tensorClass }: WeightSlot): string {
  if (part === 'modulation.final') return 'last adaLN';
  if (tensorClass === 'embedder') return part;
  return tensorClass === 'final' ? 'last linear' : tensorClass;
}

interface Variant {
  readonly name: string;
  classOf(part: string, slot: WeightSlot): WeightClass;
}

const KINDS = [
  't5',
  't5_wo',
  'clip',
  'conditioning',
  'embed_text',
  'embed_image',
  'modulation',
  'attention',
  'mlp',
  'last adaLN',
  'last linear',
];
const chosen = args.only?.split(',') ?? KINDS;
const float: Variant = { name: 'float', classOf: () => 'f32' };
const variants: Variant[] = [
  float,
  ...chosen.flatMap((kind) =>
    CLASSES.map((weightClass) => ({
      name: `${kind} ${weightClass}`,
      classOf: (part: string, slot: WeightSlot): WeightClass =>
        slot.kind === 'linear' && kindOf(part, slot) === kind ? weightClass : 'f32',
    })),
  ),
  ...(args.only === undefined ? MAP_NAMES : []).map((dtype) => ({
    name: `classes of ${dtype}`,
    classOf: (_: string, slot: WeightSlot) => resolveClass(CLASS_MAPS[dtype], slot).used,
  })),
];

/** A tensor between two parts; equal ids, equal numbers. */
interface State {
  readonly id: number;
  readonly tensor: HostTensor;
}

// A part's weights are gigabytes that the collector does not see as its own.
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

let states = 0;
function state(dims: readonly number[], data: HostTensor['data']): State {
  const dtype = data instanceof BigInt64Array ? 'int64' : 'float32';
  return { id: states++, tensor: { dtype, dims, data } };
}

const backend = await createNodeBackend();
const stage = await backend.openStage('classes');
const plan = new Map(planParts(config).map((part) => [part.name, part]));

/** Runs a part for every variant; those with the same inputs and the same classes share a run. */
async function runPart(
  name: string,
  inputs: (variant: Variant) => Record<string, State>,
): Promise<(variant: Variant) => Record<string, State>> {
  const { graph, slots } = plan.get(name)!;
  const rows = new Map(slots.map((slot) => [slot, random(slot, name)]));
  const weights = new Map<string, HostTensor[]>();
  const tensorsOf = (slot: WeightSlot, weightClass: WeightClass): HostTensor[] => {
    const key = `${slot.name} ${weightClass}`;
    const known = weights.get(key) ?? store(slot, weightClass, rows.get(slot)!, () => tensorsOf(slot, 'f32')[0]!);
    weights.set(key, known);
    return known;
  };
  const runs = new Map<string, Record<string, State>>();
  const outputs = new Map<Variant, Record<string, State>>();
  for (const variant of variants) {
    const classOf = (slot: WeightSlot) => variant.classOf(name, slot);
    const feeds = inputs(variant);
    const classes = slots.map(classOf).join();
    const key = `${classes} ${Object.values(feeds).map(({ id }) => id)}`;
    const known = runs.get(key);
    if (known !== undefined) {
      outputs.set(variant, known);
      continue;
    }
    const session = await stage.session(`${graph} ${classes}`, async () => buildGraph(graph!, config, classOf).bytes);
    const all: Record<string, HostTensor> = {};
    for (const [input, { tensor }] of Object.entries(feeds)) all[input] = tensor;
    for (const slot of slots) {
      const tensors = tensorsOf(slot, classOf(slot));
      for (const [i, { name: input }] of weightInputs(slot, classOf(slot)).entries()) all[input] = tensors[i]!;
    }
    const results: Record<string, State> = {};
    for (const [output, tensor] of Object.entries(await stage.run(session, all))) {
      results[output] = state(tensor.dims, await stage.read(tensor));
      tensor.dispose();
    }
    runs.set(key, results);
    outputs.set(variant, results);
  }
  rows.clear();
  weights.clear();
  collect();
  const seconds = Math.round(performance.now() / 1000);
  process.stderr.write(`${seconds} s  ${name}: ${runs.size} runs, ${Math.round(process.memoryUsage.rss() / 1e6)} MB\n`);
  return (variant) => outputs.get(variant)!;
}

/** A slot's weights in a class, as its graph takes them. `rows` are in torch's order. */
function store(
  slot: WeightSlot,
  weightClass: WeightClass,
  rows: Float32Array,
  inFloat: () => HostTensor,
): HostTensor[] {
  const dims = weightInputs(slot, weightClass).map((input) => input.dims);
  const tensor = (i: number, data: Float32Array | Uint8Array): HostTensor => ({
    dtype: data instanceof Float32Array ? 'float32' : 'uint8',
    dims: dims[i]!,
    data,
  });
  if (slot.kind === 'plain') return [tensor(0, rows)];
  const [outFeatures, inFeatures] = slot.shape as readonly [number, number];
  if (weightClass === 'f32') return [tensor(0, transposed(rows, outFeatures, inFeatures))];
  if (weightClass === 'f16') return [tensor(0, roundedToHalves(inFloat().data as Float32Array))];
  if (weightClass === 'q4m') {
    const { codes, scales } = quantizeQ4m(rows, inFeatures);
    return [tensor(0, codes), tensor(1, e4m4ToF32(scales))];
  }
  const { codes, scales } = (weightClass === 'q4' ? quantizeQ4 : quantizeQ8)(rows, true);
  return [tensor(0, codes), tensor(1, scales)];
}

/** What float16 keeps of numbers below its largest: 11 bits, or multiples of 2^-24 below 2^-14. */
function roundedToHalves(numbers: Float32Array): Float32Array {
  const bits = new Uint32Array(numbers.length);
  const out = new Float32Array(bits.buffer);
  const from = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  for (let i = 0; i < bits.length; i++) {
    const word = from[i]!;
    if ((word & 0x7fffffff) >= 0x38800000) bits[i] = (word + 0xfff + ((word >>> 13) & 1)) & 0xffffe000;
    else out[i] = Math.fround(numbers[i]! + 0.75) - 0.75;
  }
  return out;
}

const weightsName = args.weights as Distribution;
if (!DISTRIBUTIONS.includes(weightsName)) throw new Error(`--weights must be one of ${DISTRIBUTIONS.join(', ')}`);
const OUTLIER_EVERY = 97;
const hasOutlierColumns = weightsName === 'outlier columns';
/** Outliers in columns are put where the column is; a row of the pool may begin anywhere. */
const pool = distribution(hasOutlierColumns ? 'gaussian' : weightsName);
const poolSize = Math.sqrt(pool.reduce((sum, x) => sum + x * x, 0) / pool.length);

/** Torch order [N, K]: each row is a run of the pool from anywhere, with either sign. */
function random({ name, kind, shape, tensorClass }: WeightSlot, part: string): Float32Array {
  const words = new RandomWords(1, `${part}/${name}`);
  const length = shape.reduce((product, dim) => product * dim, 1);
  if (kind === 'plain') {
    const picks = new Uint32Array(length);
    words.fill(picks, 0);
    const isScale = tensorClass === 'norm' && name.endsWith('.scale');
    const mean = !isScale ? 0 : /norm_[qk]/.test(name) ? SHARPNESS : 1;
    return Float32Array.from(picks, (word) => mean + 0.1 * (word / 2 ** 31 - 1));
  }
  const [rows, columns] = shape as readonly [number, number];
  const outliers = hasOutlierColumns ? Math.sqrt(1 + (20 ** 2 - 1) / OUTLIER_EVERY) : 1;
  // T5 does not scale its scores: trained queries are small.
  const gain = (part.startsWith('t5_layer') && name === 'q.weight' ? 1 / Math.sqrt(t5.d_kv) : 1) / Math.sqrt(columns);
  const scale = gain / (poolSize * outliers);
  const picks = new Uint32Array(rows);
  words.fill(picks, 0);
  const out = new Float32Array(length);
  for (let row = 0; row < rows; row++) {
    const signed = (picks[row]! & 1 ? 1 : -1) * scale;
    let from = (picks[row]! >>> 1) % pool.length;
    const end = (row + 1) * columns;
    for (let at = row * columns; at < end; at++) {
      out[at] = signed * pool[from]!;
      if (++from === pool.length) from = 0;
    }
    for (let column = 7; hasOutlierColumns && column < columns; column += OUTLIER_EVERY)
      out[row * columns + column] *= 20;
  }
  return out;
}

/** [N, K] → [K, N] */
function transposed(rows: Float32Array, outFeatures: number, inFeatures: number): Float32Array {
  const tile = 32;
  const out = new Float32Array(rows.length);
  for (let first = 0; first < outFeatures; first += tile) {
    const end = Math.min(first + tile, outFeatures);
    for (let k = 0; k < inFeatures; k++) {
      for (let row = first; row < end; row++) out[k * outFeatures + row] = rows[row * inFeatures + k]!;
    }
  }
  return out;
}

/** What all variants hold after some parts, by name. */
const held = new Map<string, (variant: Variant) => State>();
const get = (name: string, variant: Variant): State => held.get(name)!(variant);
const hold = (name: string, result: (variant: Variant) => Record<string, State>, output: string): void => {
  held.set(name, (variant) => result(variant)[output]!);
};
/** Made anew by `make` for each state it is given. */
function derived(name: string, from: (variant: Variant) => State, make: (data: Float32Array) => State): void {
  const made = new Map<number, State>();
  held.set(name, (variant) => {
    const source = from(variant);
    const known = made.get(source.id) ?? make(source.tensor.data as Float32Array);
    made.set(source.id, known);
    return known;
  });
}

const shared = (one: State) => () => one;
const S = clip.max_position_embeddings;
const mask = new Float32Array(S * S);
for (let query = 0; query < S; query++) mask.fill(-3.4e38, query * S + query + 1, (query + 1) * S);
const causal = state([1, 1, S, S], mask);
held.set('hidden', shared(state([1, S, clip.hidden_size], torchRandn(1, S * clip.hidden_size))));
for (let i = 0; i < clip.num_hidden_layers; i++) {
  const result = await runPart(`clip_layer.${i}`, (v) => ({ hidden: get('hidden', v), causal_mask: causal }));
  hold('hidden', result, 'hidden_out');
}
const normed = await runPart('clip_final', (v) => ({ hidden: get('hidden', v) }));
derived(
  'pooled',
  (v) => normed(v).normed!,
  (data) => state([1, clip.hidden_size], data.slice(-clip.hidden_size)),
);

const buckets = torchRandn(2, t5.relative_attention_num_buckets * t5.num_heads);
const bias = state([1, t5.num_heads, textTokens, textTokens], t5PositionBias(buckets, textTokens, t5));
held.set('hidden', shared(state([1, textTokens, t5.d_model], torchRandn(3, textTokens * t5.d_model))));
for (let i = 0; i < t5.num_layers; i++) {
  const result = await runPart(`t5_layer.${i}`, (v) => ({ hidden: get('hidden', v), position_bias: bias }));
  hold('hidden', result, 'hidden_out');
}
hold('embeds', await runPart('t5_final', (v) => ({ hidden: get('hidden', v) })), 'prompt_embeds');

const timestep = state([1, 256], sinusoidalEmbedding([modelTimestep(SIGMA)]));
const guidance = state([1, 256], sinusoidalEmbedding([GUIDANCE]));
const conditioned = (v: Variant) => ({ timestep_proj: timestep, guidance_proj: guidance, pooled: get('pooled', v) });
hold('vec', await runPart('conditioning', conditioned), 'silu_vec');
hold('txt', await runPart('embed_text', (v) => ({ prompt_embeds: get('embeds', v) })), 'hidden');
const imageTokens = tokenCount(size);
const latents = state([1, imageTokens, transformer.in_channels], torchRandn(4, imageTokens * transformer.in_channels));
hold('img', await runPart('embed_image', () => ({ latents })), 'hidden');

/** A block's row of (shift, 1 + scale, gate) …, held as `as`. */
async function modulate(part: string, as: string): Promise<void> {
  const rows = await runPart(`modulation.${part}`, (v) => ({ silu_vec: get('vec', v) }));
  derived(
    as,
    (v) => rows(v).modulation!,
    (data) => {
      const width = transformer.num_attention_heads * transformer.attention_head_dim;
      const row = data.map((x, i) => x + (Math.floor(i / width) % 3 === 1 ? 1 : 0));
      return state([row.length], row);
    },
  );
}

const rope = (text: number): Record<'rope_cos' | 'rope_sin', State> => {
  const { cos, sin } = ropeTables(tokenGrid(size), transformer.axes_dims_rope, { textTokens: text });
  const dims = [1, text + imageTokens, transformer.attention_head_dim / 2];
  return { rope_cos: state(dims, cos), rope_sin: state(dims, sin) };
};
const imageRope = rope(0);
const jointRope = rope(textTokens);
for (let i = 0; i < transformer.num_layers; i++) {
  await modulate(`double_block.${i}.img`, 'img_mod');
  await modulate(`double_block.${i}.txt`, 'txt_mod');
  const result = await runPart(`double_block.${i}`, (v) => ({
    img: get('img', v),
    txt: get('txt', v),
    img_mod: get('img_mod', v),
    txt_mod: get('txt_mod', v),
    ...imageRope,
  }));
  hold('img', result, 'img_out');
  hold('txt', result, 'txt_out');
  report(`double_block.${i}`, (v) => get('img', v));
}
hold('hidden', await runPart('join_streams', (v) => ({ txt: get('txt', v), img: get('img', v) })), 'hidden');
for (let i = 0; i < transformer.num_single_layers; i++) {
  await modulate(`single_block.${i}`, 'mod');
  const result = await runPart(`single_block.${i}`, (v) => ({
    hidden: get('hidden', v),
    mod: get('mod', v),
    ...jointRope,
  }));
  hold('hidden', result, 'hidden_out');
  report(`single_block.${i}`, (v) => get('hidden', v));
}
await modulate('final', 'mod');
const textLength = state([1], BigInt64Array.of(BigInt(textTokens)));
const last = await runPart('final_layer', (v) => ({
  hidden: get('hidden', v),
  text_length: textLength,
  mod: get('mod', v),
}));
report('velocity', (v) => last(v).velocity!);
await backend.dispose();

/** Each variant's error after a part, as a share of the float variant's RMS. */
function report(after: string, of: (variant: Variant) => State): void {
  const want = of(float).tensor.data as Float32Array;
  const errors = variants.slice(1).flatMap((variant) => {
    const error = relativeRms(of(variant).tensor.data as Float32Array, want);
    return error === 0 ? [] : [[variant.name, Number(error.toPrecision(3))]];
  });
  const { weights, size: pixels } = args;
  process.stdout.write(
    `${JSON.stringify({ weights, size: pixels, textTokens, after, errors: Object.fromEntries(errors) })}\n`,
  );
}
