import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FLUX1_DEV, isFluxError } from '@flux-srpo/core';
import { bytesSource, GGML_TYPES, readSafetensors, sha256Hex, widen } from '@flux-srpo/formats';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { writeFiles } from '../../../../test/support/write-files.ts';
import { FLUX_SRPO_INFO } from '../bundle/bundle-info.ts';
import { convertPipeline } from '../convert/convert.ts';
import type { ConvertOptions, ConvertSummary } from '../convert/convert-options.ts';
import type { ConvertProgress } from '../convert/convert-progress.ts';
import { planParts } from '../graphs/index.ts';
import { bundleFolder } from '../node/bundle-folder.ts';
import { pipelineFolder } from '../node/pipeline-folder.ts';
import { combineSources } from '../sources/combine-sources.ts';
import { bflTransformerNames, toBfl } from '../test-support/bfl.ts';
import { type RawTensor, rawGguf, rawSafetensors, sourceFile } from '../test-support/checkpoint-files.ts';
import { transformerShapes } from '../test-support/diffusers-shapes.ts';
import {
  KOHYA_ENDS,
  type LoraLayer,
  loraLayer,
  loraSource,
  loraTensors,
  PEFT_ENDS,
  productOf,
} from '../test-support/lora-files.ts';
import { type MemoryBundle, memoryBundle, memorySource } from '../test-support/memory.ts';
import { type Tensor, tinyPipeline, tinyTensors } from '../test-support/tiny-pipeline.ts';
import { addProduct } from './add-product.ts';
import type { LoraSource } from './open-loras.ts';
import { loraTargets } from './targets.ts';

// What diffusers makes of LoRAs is in test/parity/lora.test.ts; here the oracle is up · down by
// plain loops.

// A conversion takes half a second on an idle machine; this one may not be.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const SIZES = { hidden: 64, headDim: 32, doubleBlocks: 2, singleBlocks: 1, textWidth: 96, pooledWidth: 48 };
const BFL_NAMES = bflTransformerNames(SIZES);

interface Converted {
  bundle: MemoryBundle;
  summary: ConvertSummary;
  /** `type: what` */
  notices: string[];
}

/** Converts the tiny pipeline, its transformer replaced where `transformer` is given as a file. */
async function convert(
  loras: readonly LoraSource[],
  transformer?: Uint8Array,
  dtype: 'f32' | 'q8' = 'f32',
): Promise<Converted> {
  const bundle = memoryBundle();
  const files = transformer === undefined ? {} : { transformer: sourceFile('flux', transformer) };
  const source = await combineSources({ folder: memorySource(await tinyPipeline()), files });
  const notices: string[] = [];
  const onNotice: ConvertOptions['onNotice'] = (notice) =>
    notices.push(`${notice.type}: ${'what' in notice && notice.what}`);
  return {
    bundle,
    notices,
    summary: await convertPipeline(source, bundle, { info: FLUX_SRPO_INFO, dtype, loras, onNotice }),
  };
}

function weightsOf({ bundle }: Converted): Map<string, string> {
  return new Map(
    [...bundle.files]
      .filter(([path]) => path.startsWith('weights/'))
      .map(([path, bytes]) => [path, Buffer.from(bytes).toString('latin1')]),
  );
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function f32Tensors(tensors: ReadonlyMap<string, Tensor>): Map<string, RawTensor> {
  return new Map(
    [...tensors].map(([name, { shape, values }]) => [name, { dtype: 'F32', shape, bytes: bytesOf(values) }]),
  );
}

/** A linear weight of an f32 bundle, back in torch's order. */
async function stored({ bundle }: Converted, part: string, linear: string): Promise<Float32Array> {
  const file = await readSafetensors(bytesSource(bundle.files.get(`weights/${part}.safetensors`)!, part));
  const { shape, dtype } = file.info(`${linear}.weight`);
  const [inner, out] = shape as [number, number];
  const values = widen(dtype, await file.read(`${linear}.weight`));
  return Float32Array.from({ length: values.length }, (_, at) => values[(at % inner) * out + Math.floor(at / inner)]!);
}

/** W + factor · up · down, rounded once, as float32. */
function merged({ values }: Tensor, layer: LoraLayer, factor: number): Float32Array {
  const product = productOf(layer);
  return values.map((value, at) => value + factor * product[at]!);
}

/**
 * One layer of each kind, in BFL's naming: fused, cut along rows and along columns, its final adaLN
 * as it is.
 */
const BFL_LAYERS = {
  'double_blocks.1.img_attn.qkv': loraLayer(192, 64, 3, 1, 2),
  'double_blocks.0.txt_mlp.2': loraLayer(64, 256, 5, 2),
  'single_blocks.0.linear1': loraLayer(448, 64, 4, 3, 8),
  'single_blocks.0.linear2': loraLayer(64, 320, 2, 4, 1),
  'final_layer.adaLN_modulation.1': loraLayer(128, 64, 1, 5),
  img_in: loraLayer(64, 64, 6, 6, 3),
};

/** The same with names of a prefix, and in place of dots what the family has. */
function named(before: string, separator: '.' | '_', layers: Readonly<Record<string, LoraLayer>> = BFL_LAYERS) {
  return Object.fromEntries(
    Object.entries(layers).map(([name, layer]) => [before + name.replaceAll('.', separator), layer]),
  );
}

describe('a LoRA of Black Forest Labs’ layers', () => {
  let expected: Map<string, string>;
  beforeAll(async () => {
    expected = weightsOf(await convert([await loraSource(loraTensors(named('lora_unet_', '_'), KOHYA_ENDS), 0.5)]));
  });

  it.each([
    ['diffusion_model.', '.', KOHYA_ENDS],
    ['diffusion_model.', '.', PEFT_ENDS],
    ['model.diffusion_model.', '.', KOHYA_ENDS],
    ['base_model.model.', '.', PEFT_ENDS],
    ['transformer.', '.', ['lora_A.default.weight', 'lora_B.default.weight']],
    ['', '.', ['lora.down.weight', 'lora.up.weight']],
    ['lycoris_', '_', KOHYA_ENDS],
  ] as const)('is the same LoRA with %s before its names', async (before, separator, ends) => {
    const lora = await loraSource(loraTensors(named(before, separator), ends), 0.5);
    expect(weightsOf(await convert([lora]))).toEqual(expected);
  });

  it('gives the same weights merged into BFL’s naming of the checkpoint', async () => {
    const lora = await loraSource(loraTensors(named('lora_unet_', '_'), KOHYA_ENDS), 0.5);
    const file = await rawSafetensors(f32Tensors(toBfl(BFL_NAMES, tinyTensors().transformer)));
    expect(weightsOf(await convert([lora], file))).toEqual(expected);
  });

  it('is the LoRA whose up matrices are cut by rows, under diffusers’ names', async () => {
    const split: Record<string, LoraLayer> = {};
    for (const [name, layer] of Object.entries(BFL_LAYERS)) {
      const parts = BFL_NAMES.get(`${name}.weight`)!.map((each) => each.slice(0, -'.weight'.length));
      let row = 0;
      for (const part of parts) {
        const out = parts.length === 1 ? layer.out : part.endsWith('proj_mlp') ? 256 : 64;
        const up = layer.up.slice(row * layer.rank, (row + out) * layer.rank);
        // diffusers' final adaLN is (scale, shift).
        const half = up.length / 2;
        const turned = part === 'norm_out.linear' ? Float32Array.of(...up.subarray(half), ...up.subarray(0, half)) : up;
        split[`transformer.${part}`] = { ...layer, out, up: turned };
        row += out;
      }
      expect(row).toBe(layer.out);
    }
    expect(weightsOf(await convert([await loraSource(loraTensors(split, PEFT_ENDS), 0.5)]))).toEqual(expected);
  });
});

describe('merging', () => {
  const tensors = tinyTensors();
  const layer = loraLayer(64, 64, 3, 9, 6);
  const name = 'transformer_blocks.0.attn.to_out.0';
  const weight = tensors.transformer.get(`${name}.weight`)!;

  it('adds strength · alpha / rank · up · down', async () => {
    const lora = await loraSource(loraTensors({ [`transformer.${name}`]: layer }, PEFT_ENDS), -0.75);
    expect(await stored(await convert([lora]), 'double_block.0', 'img_attn.proj')).toEqual(
      merged(weight, layer, -0.75 * (6 / 3)),
    );
  });

  it.each([
    ['I64', new Uint8Array(BigInt64Array.of(6n).buffer)],
    ['I32', new Uint8Array(Int32Array.of(6).buffer)],
    ['F64', new Uint8Array(Float64Array.of(6).buffer)],
    ['BF16', Uint8Array.of(0xc0, 0x40)],
  ])('takes an alpha stored as %s', async (dtype, bytes) => {
    const lora = loraTensors({ [`transformer.${name}`]: layer }, PEFT_ENDS);
    lora.set(`transformer.${name}.alpha`, { dtype, shape: [], bytes });
    expect(await stored(await convert([await loraSource(lora)]), 'double_block.0', 'img_attn.proj')).toEqual(
      merged(weight, layer, 6 / 3),
    );
  });

  it('changes nothing but the layers that are named', async () => {
    const lora = await loraSource(loraTensors({ [`transformer.${name}`]: layer }, PEFT_ENDS));
    const [plain, changed] = [weightsOf(await convert([])), weightsOf(await convert([lora]))];
    const differing = [...changed].filter(([path, bytes]) => plain.get(path) !== bytes);
    expect(differing.map(([path]) => path)).toEqual(['weights/double_block.0.safetensors']);
  });

  it('adds several LoRAs one after another and names them all in the manifest', async () => {
    const other = loraLayer(64, 64, 5, 11);
    const first = await loraSource(loraTensors({ [`transformer.${name}`]: layer }, PEFT_ENDS), 0.5);
    const second = await loraSource(loraTensors({ lora_unet_double_blocks_0_img_attn_proj: other }, KOHYA_ENDS), 2);
    const converted = await convert([first, second]);
    const once = { ...weight, values: merged(weight, layer, 0.5 * (6 / 3)) };
    expect(await stored(converted, 'double_block.0', 'img_attn.proj')).toEqual(merged(once, other, 2));
    const hash = async ({ file }: LoraSource) => {
      const source = await file.open();
      return sha256Hex(await source.read(0, source.size));
    };
    expect(converted.summary.manifest.loras).toEqual([
      { name: 'style.safetensors', sha256: await hash(first), strength: 0.5 },
      { name: 'style.safetensors', sha256: await hash(second), strength: 2 },
    ]);
  });

  it.each(['lora_te3_', 'lora_te2_'])('reaches T5 under kohya’s %s', async (before) => {
    const key = 'encoder.block.1.layer.1.DenseReluDense.wo';
    const t5 = loraLayer(96, 160, 4, 12);
    const lora = await loraSource(loraTensors({ [before + key.replaceAll('.', '_')]: t5 }, KOHYA_ENDS));
    const expected = merged(tensors.text_encoder_2.get(`${key}.weight`)!, t5, 1);
    expect(await stored(await convert([lora]), 't5_layer.1', 'wo')).toEqual(expected);
  });

  it.each([
    ['lora_te1_text_model_encoder_layers_0_mlp_fc1', KOHYA_ENDS],
    ['lora_te1_encoder_layers_0_mlp_fc1', KOHYA_ENDS],
    ['text_encoder.text_model.encoder.layers.0.mlp.fc1', PEFT_ENDS],
    ['text_encoders.clip_l.transformer.text_model.encoder.layers.0.mlp.fc1', KOHYA_ENDS],
  ] as const)('reaches CLIP under %s', async (key, ends) => {
    const clip = loraLayer(80, 48, 2, 13);
    const expected = merged(tensors.text_encoder.get('encoder.layers.0.mlp.fc1.weight')!, clip, 1);
    const lora = await loraSource(loraTensors({ [key]: clip }, ends));
    expect(await stored(await convert([lora]), 'clip_layer.0', 'fc1')).toEqual(expected);
  });

  it('takes alpha, its patterns and rsLoRA from the metadata that diffusers writes', async () => {
    const adapter = { lora_alpha: 9, alpha_pattern: { 'attn.to_k': 4 }, use_rslora: true, r: 3, use_dora: false };
    const metadata = {
      lora_adapter_metadata: JSON.stringify(
        Object.fromEntries(Object.entries(adapter).map(([key, value]) => [`transformer.${key}`, value])),
      ),
    };
    const plain = loraLayer(64, 64, 3, 14);
    const other = 'transformer_blocks.0.attn.to_k';
    const layers = { [`transformer.${name}`]: plain, [`transformer.${other}`]: plain };
    const converted = await convert([await loraSource(loraTensors(layers, PEFT_ENDS), 1, metadata)]);
    const expected = (key: string, alpha: number) =>
      merged(tensors.transformer.get(`${key}.weight`)!, plain, alpha / Math.sqrt(3));
    expect(await stored(converted, 'double_block.0', 'img_attn.proj')).toEqual(expected(name, 9));
    expect(await stored(converted, 'double_block.0', 'img_attn.k')).toEqual(expected(other, 4));
  });

  it('lists pairs of layers that a picture does not need', async () => {
    const layers = {
      lora_te1_text_projection: loraLayer(48, 48, 2, 15),
      'transformer.x_embedder': loraLayer(64, 64, 2, 16),
    };
    const { summary } = await convert([await loraSource(loraTensors(layers, KOHYA_ENDS))]);
    expect(summary.unused.filter(({ tensor }) => tensor.startsWith('style'))).toEqual(
      KOHYA_ENDS.map((end) => ({
        component: 'text_encoder',
        tensor: `style.safetensors: lora_te1_text_projection.${end}`,
        reason: 'FLUX reads the pooled embedding before the projection',
      })),
    );
  });

  it('leaves blocks of ggml as they are where no LoRA is, and says what was computed anew', async () => {
    const raw = new Map<string, RawTensor>();
    const { bytes: blockBytes, length } = GGML_TYPES.Q8_0;
    for (const [key, { shape, values }] of toBfl(BFL_NAMES, tensors.transformer)) {
      const inBlocks = shape.length === 2 && shape[1]! % length === 0 && key.includes('blocks');
      const blocks = new Uint8Array((values.length / length) * blockBytes).fill(1);
      raw.set(
        key,
        inBlocks ? { dtype: 'Q8_0', shape, bytes: blocks } : { dtype: 'F32', shape, bytes: bytesOf(values) },
      );
    }
    const file = rawGguf(raw);
    const lora = await loraSource(
      loraTensors({ 'transformer.single_transformer_blocks.0.proj_mlp': loraLayer(256, 64, 2, 17) }, PEFT_ENDS),
    );
    const [plain, changed] = [await convert([], file, 'q8'), await convert([lora], file, 'q8')];
    const differing = [...weightsOf(changed)].filter(([path, bytes]) => weightsOf(plain).get(path) !== bytes);
    expect(differing.map(([path]) => path)).toEqual(['weights/single_block.0.safetensors']);
    expect(plain.summary.manifest.source.blocks).not.toMatch(/anew: .*mlp from Q8_0/);
    expect(changed.summary.manifest.source.blocks).toMatch(/anew: .*mlp from Q8_0/);
  });

  it.each([1, 2, 3, 4, 5, 8, 9])('sums products of rank %d, four at a time', (rank) => {
    const pair = loraLayer(7, 11, rank, 20 + rank);
    const rows = new Float32Array(77).fill(1);
    addProduct(rows, pair.up, pair.down, rank, 0.5);
    const expected = productOf(pair);
    // Sums of up to nine float64 products in another order, then rounded to float32.
    for (const [at, value] of rows.entries()) expect(value).toBeCloseTo(1 + 0.5 * expected[at]!, 6);
  });
});

describe('what LoRAs carry besides pairs', () => {
  const x = 'transformer.x_embedder';
  const plain = loraLayer(64, 64, 2, 50);
  const values = (count: number, value: (i: number) => number): RawTensor => ({
    dtype: 'F32',
    shape: [count],
    bytes: bytesOf(Float32Array.from({ length: count }, (_, i) => value(i))),
  });
  let alone: Map<string, string>;
  beforeAll(async () => {
    alone = weightsOf(await convert([await loraSource(loraTensors({ [x]: plain }, PEFT_ENDS))]));
  });
  const withOthers = async (others: Record<string, RawTensor>) => {
    const tensors = new Map([...loraTensors({ [x]: plain }, PEFT_ENDS), ...Object.entries(others)]);
    return await convert([await loraSource(tensors)]);
  };
  const leftOut = ({ summary }: Converted) => summary.unused.filter(({ tensor }) => tensor.startsWith('style'));

  it('differences of biases and norms are added, times strength, in any naming', async () => {
    const kinds: [string, string, number][] = [
      ['double_blocks.0.img_attn.proj.diff_b', 'transformer_blocks.0.attn.to_out.0.bias', 64],
      ['double_blocks.1.txt_attn.norm.key_norm.scale.diff', 'transformer_blocks.1.attn.norm_added_k.weight', 32],
    ];
    const tensors = tinyTensors();
    for (const [, name, count] of kinds) {
      const tensor = tensors.transformer.get(name)!;
      tensor.values = tensor.values.map((value, i) => value + 0.5 * ((i % count) / 8));
    }
    const bundle = memoryBundle();
    await convertPipeline(memorySource(await tinyPipeline(tensors)), bundle, { dtype: 'f32' });
    const expected = weightsOf({ bundle } as Converted);
    const given = (rename: (name: string) => string) =>
      new Map(kinds.map(([name, , count]) => [rename(name), values(count, (i) => i / 8)]));
    const dotted = given((name) => `diffusion_model.${name}`);
    const kohya = given(
      (name) =>
        `lora_unet_${name
          .replace(/\.(diff.*)$/, '@$1')
          .replaceAll('.', '_')
          .replace('@', '.')}`,
    );
    for (const form of [dotted, kohya]) {
      expect(weightsOf(await convert([await loraSource(form, 0.5)]))).toEqual(expected);
    }
  });

  it('embeddings are left out, and a notice says so', async () => {
    const converted = await withOthers({ 'bundle_emb.my style.clip_l': values(4, () => 1) });
    expect(weightsOf(converted)).toEqual(alone);
    expect(leftOut(converted)).toHaveLength(1);
    expect(converted.notices).toEqual([
      'left-out: 1 tensor of style.safetensors: an embedding that the LoRA carries, which prompts cannot name here',
    ]);
  });

  it('leftovers that are all zeros are left out, whatever their names and shapes', async () => {
    const zeros = (...shape: number[]): RawTensor => ({
      dtype: 'F32',
      shape,
      bytes: new Uint8Array(4 * shape.reduce((product, dim) => product * dim, 1)),
    });
    const converted = await withOthers({
      'transformer.pos_embed.diff': zeros(4),
      'transformer.proj_out.diff_b': zeros(3),
      'transformer.other.lora_A.weight': zeros(1, 2),
      'transformer.other.lora_B.weight': zeros(2, 1),
      position_embedding: zeros(8),
    });
    expect(weightsOf(converted)).toEqual(alone);
    expect(leftOut(converted)).toHaveLength(5);
    expect(converted.notices).toEqual(['left-out: 5 tensors of style.safetensors: all zeros, which change nothing']);
  });

  it('pairs of another text encoder are left out, and those of this one are merged', async () => {
    const others = loraTensors(
      {
        lora_te1_text_model_encoder_layers_7_mlp_fc1: loraLayer(80, 48, 2, 51),
        'text_encoders.t5xxl.transformer.encoder.block.0.layer.0.SelfAttention.q': loraLayer(7, 96, 2, 52),
        'text_encoder.text_model.embeddings.token_embedding': loraLayer(10, 48, 2, 53),
      },
      KOHYA_ENDS,
    );
    const own = loraTensors({ lora_te1_text_model_encoder_layers_0_mlp_fc1: loraLayer(80, 48, 2, 54) }, KOHYA_ENDS);
    const converted = await withOthers(Object.fromEntries([...others, ...own]));
    expect(weightsOf(converted)).toEqual(weightsOf(await withOthers(Object.fromEntries(own))));
    expect(weightsOf(converted)).not.toEqual(alone);
    const components = leftOut(converted).map(({ component }) => component);
    expect(components.sort().join()).toBe(`${'text_encoder,'.repeat(4)}text_encoder_2,text_encoder_2`);
    expect(converted.notices[0]).toMatch(/made for another text encoder/);
  });

  it.each([
    'transformer.transformer.x_embedder',
    'base_model.model.transformer.x_embedder',
    'diffusion_model.lora_unet_img_in',
    'lora_unet_lora_unet_img_in',
    'lora_unet_diffusion_model_img_in',
    'lora_unet_model_diffusion_model_img_in',
    'lora_unet_img_in_',
    'transformer.x_embedder_',
    'diffusion_model.img_in__',
  ])('marks of extraction tools around a name do not hide it: %s', async (layer) => {
    expect(weightsOf(await convert([await loraSource(loraTensors({ [layer]: plain }, PEFT_ENDS))]))).toEqual(alone);
  });

  it('a doubled prefix does not lead from one network to another', async () => {
    const tensors = loraTensors({ 'text_encoder.x_embedder': plain }, PEFT_ENDS);
    const converted = await convert([await loraSource(tensors)]);
    expect(leftOut(converted)).toHaveLength(2);
  });
});

describe('an interrupted conversion with a LoRA', () => {
  const layer = { 'transformer.proj_out': loraLayer(64, 64, 2, 40) };
  let work: string;
  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'flux-srpo-lora-'));
    await writeFiles(join(work, 'source'), await tinyPipeline());
    return () => rm(work, { recursive: true });
  });

  it.each([
    ['goes on with the same LoRA', 0.5, 'continued'],
    ['starts over with another strength', 0.6, 'started-over'],
  ] as const)('%s', async (name, strength, notice) => {
    const source = pipelineFolder(join(work, 'source'));
    const convertTo = async (options: Omit<ConvertOptions, 'dtype'>) =>
      convertPipeline(source, await bundleFolder(join(work, name)), { info: FLUX_SRPO_INFO, dtype: 'q8', ...options });
    const controller = new AbortController();
    const onProgress = ({ parts }: ConvertProgress) => parts.done === 1 && controller.abort();
    const first = {
      loras: [await loraSource(loraTensors(layer, PEFT_ENDS), 0.5)],
      signal: controller.signal,
      onProgress,
    };
    await expect(convertTo(first)).rejects.toMatchObject({ name: 'AbortError' });
    const notices: string[] = [];
    const again = [await loraSource(loraTensors(layer, PEFT_ENDS), strength)];
    const { manifest } = await convertTo({ loras: again, onNotice: ({ type }) => notices.push(type) });
    expect(notices).toEqual([notice]);
    expect(manifest.loras).toMatchObject([{ strength }]);
  });
});

describe('FLUX.1’s layers', () => {
  const find = loraTargets(planParts(FLUX1_DEV));
  const sizes = { hidden: 3072, headDim: 128, doubleBlocks: 19, singleBlocks: 38, textWidth: 4096, pooledWidth: 768 };
  const matrices = (names: Iterable<string>) => [...names].filter((each) => each.endsWith('.weight'));

  it('are all found under BFL’s names with dots and with underscores', () => {
    const layers = matrices(bflTransformerNames(sizes).keys()).map((each) => each.slice(0, -'.weight'.length));

    expect(layers).toHaveLength(314);
    for (const layer of layers) {
      expect([layer, find(`lora_unet_${layer.replaceAll('.', '_')}`)]).toEqual([
        layer,
        expect.objectContaining({ component: 'transformer' }),
      ]);
      expect(find(`diffusion_model.${layer}`)).toBe(find(`lora_unet_${layer.replaceAll('.', '_')}`));
    }
  });

  it('are all found under diffusers’ names', () => {
    const shapes = transformerShapes(sizes);
    const layers = matrices(shapes.keys()).filter((each) => shapes.get(each)!.length === 2);
    expect(layers).toHaveLength(504);
    for (const each of layers) {
      const layer = each.slice(0, -'.weight'.length);
      expect([layer, find(`transformer.${layer}`)]).toEqual([
        layer,
        expect.objectContaining({ component: 'transformer' }),
      ]);
      expect(find(`lora_transformer_${layer.replaceAll('.', '_')}`)).toBe(find(`transformer.${layer}`));
    }
  });
});

describe('a LoRA is refused', () => {
  const good = () => loraTensors({ 'transformer.x_embedder': loraLayer(64, 64, 2, 30, 1) }, PEFT_ENDS);
  const LAYER = 'transformer.x_embedder';

  async function refusal(tensors: ReadonlyMap<string, RawTensor>, strength = 1, metadata?: Record<string, string>) {
    const bundle = memoryBundle();
    const source = memorySource(await tinyPipeline());
    const lora = await loraSource(tensors, strength, metadata);
    const error: unknown = await convertPipeline(source, bundle, { dtype: 'f32', loras: [lora] }).catch((e) => e);
    if (!isFluxError(error)) throw error ?? new Error('nothing was refused');
    expect(bundle.state).toBe('aborted');
    expect(error.message).toContain('style.safetensors');
    return error;
  }

  it.each([
    [`${LAYER}.dora_scale`, 'DoRA'],
    [`${LAYER}.lora_magnitude_vector.weight`, 'DoRA'],
    [`${LAYER}.hada_w1_a`, 'LoHa'],
    [`${LAYER}.lokr_w2`, 'LoKr'],
    [`${LAYER}.lora_mid.weight`, 'convolutions in Tucker form'],
    [`${LAYER}.oft_diag`, 'OFT'],
    [`${LAYER}.a1.weight`, 'GLoRA'],
    [`${LAYER}.on_input`, 'IA3'],
    [`${LAYER}.lora_B.bias`, 'a LoRA with biases'],
    ['double_blocks.0.img_attn.norm.key_norm.scale', 'a control LoRA'],
    [`${LAYER}.set_weight`, 'a control LoRA'],
    ['lora_unet_input_blocks_4_1_proj_in.lora_down.weight', 'Stable Diffusion'],
    ['lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_up.weight', 'Stable Diffusion'],
    ['unet.down_blocks.0.attentions.0.proj_in.lora_A.weight', 'Stable Diffusion'],
    ['lora_unet_distilled_guidance_layer_in_proj.lora_down.weight', 'Chroma'],
    ['diffusion_model.double_stream_modulation_img.lin.lora_A.weight', 'FLUX.2'],
  ])('for %s: %s', async (name, words) => {
    const error = await refusal(good().set(name, { dtype: 'F32', shape: [1], bytes: new Uint8Array(4) }));
    expect(error).toMatchObject({ code: 'input/file-unsupported', details: { mark: name } });
    expect(error.message).toContain(words);
  });

  it('for a tensor of no known name, in doubt whether it is a LoRA', async () => {
    const error = await refusal(
      good().set('some.thing', { dtype: 'F32', shape: [1], bytes: bytesOf(Float32Array.of(1)) }),
    );
    expect(error).toMatchObject({ code: 'format/tensor-unexpected' });
    expect(error.message).toContain('some.thing must be named');
    expect(error.message).toContain('is it a LoRA?');
  });

  it.each([
    ['a layer this model does not have', 'transformer.transformer_blocks.7.attn.to_q'],
    ['a layer of another architecture', 'lora_unet_layers_0_attention_to_q'],
    ['a layer of the autoencoder', 'vae.decoder.mid_block.attentions.0.to_q'],
    ['a name of JavaScript’s', 'transformer.__proto__'],
  ])('for %s, by its name', async (_, layer) => {
    const tensors = new Map([...good(), ...loraTensors({ [layer]: loraLayer(64, 64, 2, 31) }, PEFT_ENDS)]);
    const error = await refusal(tensors);
    expect(error).toMatchObject({ code: 'format/tensor-unexpected', details: { layer } });
  });

  it('for a layer changed twice, by its two names', async () => {
    const again = { lora_unet_img_in: loraLayer(64, 64, 2, 32) };
    const error = await refusal(new Map([...good(), ...loraTensors(again, PEFT_ENDS)]));
    expect(error).toMatchObject({ code: 'format/tensor-unexpected', details: { layers: ['lora_unet_img_in', LAYER] } });
  });

  it('for a matrix that comes in two namings', async () => {
    const twice = new Map([...good(), ...loraTensors({ [LAYER]: loraLayer(64, 64, 2, 33) }, KOHYA_ENDS)]);
    expect(await refusal(twice)).toMatchObject({ code: 'format/tensor-unexpected' });
  });

  it.each([
    ['lora_A.weight', [64], 'must be a matrix, got [64]'],
    ['lora_A.weight', [2, 64, 1, 1], 'as of a convolution'],
    ['lora_B.weight', [64, 3], 'as transformer.x_embedder.lora_A.weight is [2, …]'],
    ['lora_B.weight', [63, 2], 'must change weights of [64, 64], got [63, 64]'],
    ['lora_A.weight', [2, 65], 'got [64, 65]'],
    ['lora_A.weight', [0, 64], 'rank 1 to 2048'],
    ['alpha', [2], 'must be one number'],
  ])('for %s of %j', async (end, shape, words) => {
    // All zeros would change nothing, and would be left out.
    const bytes = new Uint8Array(4 * shape.reduce((product, dim) => product * dim, 1)).fill(0x3f);
    const error = await refusal(good().set(`${LAYER}.${end}`, { dtype: 'F32', shape, bytes }));
    expect(error.code).toBe('format/shape-mismatch');
    expect(error.message).toContain(words);
  });

  it.each(['lora_A.weight', 'lora_B.weight'])('for half a pair, %s', async (end) => {
    const tensors = good();
    tensors.delete(`${LAYER}.${end}`);
    expect(await refusal(tensors)).toMatchObject({ code: 'format/tensor-missing', details: { layer: LAYER } });
  });

  it('for an alpha alone', async () => {
    const tensors = good().set('transformer.proj_out.alpha', { dtype: 'F32', shape: [], bytes: new Uint8Array(4) });
    expect(await refusal(tensors)).toMatchObject({ code: 'format/tensor-missing' });
  });

  it.each([
    ['lora_A.weight', Number.NaN],
    ['lora_B.weight', Number.POSITIVE_INFINITY],
    ['alpha', Number.NaN],
  ])('for a number in %s that is %s', async (end, value) => {
    const tensors = good();
    const tensor = tensors.get(`${LAYER}.${end}`)!;
    const bytes = tensor.bytes.slice();
    new DataView(bytes.buffer).setFloat32(bytes.length - 4, value, true);
    const error = await refusal(tensors.set(`${LAYER}.${end}`, { ...tensor, bytes }));
    expect(error).toMatchObject({ code: 'format/value-invalid' });
    expect(error.message).toContain(String(value));
  });

  it('for integers', async () => {
    const bytes = new Uint8Array(8 * 2 * 64);
    const tensors = good().set(`${LAYER}.lora_A.weight`, { dtype: 'I64', shape: [2, 64], bytes });
    expect(await refusal(tensors)).toMatchObject({ code: 'format/dtype-unsupported' });
  });

  it.each([
    ['{', 'a JSON object'],
    ['[]', 'a JSON object'],
    ['{"transformer.lora_alpha": "8"}', 'a finite number'],
    ['{"transformer.use_dora": true}', 'cannot be merged'],
    ['{"transformer.alpha_pattern": {"attn.to_q": 4}}', 'none of that name'],
  ])('for the metadata %s', async (text, words) => {
    const tensors = good();
    tensors.delete(`${LAYER}.alpha`);
    const error = await refusal(tensors, 1, { lora_adapter_metadata: text });
    expect(error.code).toBe('format/value-invalid');
    expect(error.message).toContain(words);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('for a strength of %s', async (strength) => {
    expect(await refusal(good(), strength)).toMatchObject({ code: 'input/out-of-range' });
  });

  it('for having no tensors', async () => {
    expect(await refusal(new Map())).toMatchObject({ code: 'input/required' });
  });
});
