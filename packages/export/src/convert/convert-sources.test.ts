import { FLUX1_DEV, type WeightClass } from '@flux-srpo/core';
import {
  bf16ToF32,
  bytesSource,
  dequantize,
  f16ToF32,
  f32ToF16,
  GGML_TYPES,
  type GgmlTypeName,
  readSafetensors,
  widen,
} from '@flux-srpo/formats';
import { describe, expect, it, vi } from 'vitest';
import { f32ToBf16 } from '../../../../test/support/bf16.ts';
import { dequantizeQ4, dequantizeQ4k, dequantizeQ4m, dequantizeQ8 } from '../../../../test/support/dequantize.ts';
import { relativeRms } from '../../../../test/support/relative-rms.ts';
import type { Component } from '../key-maps/namings.ts';
import { KeptBlocks } from '../quantize/ggml-blocks.ts';
import { combineSources, type ModelSources, type SourceFile } from '../sources/combine-sources.ts';
import { bflTransformerNames, toBfl, toBflVae, toLlamaT5 } from '../test-support/bfl.ts';
import { type RawTensor, rawGguf, rawSafetensors, sourceFile } from '../test-support/checkpoint-files.ts';
import {
  clipShapes,
  type TransformerSizes,
  t5Shapes,
  transformerShapes,
  vaeShapes,
} from '../test-support/diffusers-shapes.ts';
import { jsonBytes, type MemoryBundle, memoryBundle, memorySource } from '../test-support/memory.ts';
import { randomTensors, type Tensor, tinyPipeline, tinyTensors } from '../test-support/tiny-pipeline.ts';
import { convertPipeline } from './convert.ts';
import type { ConvertSummary } from './convert-options.ts';

// A conversion takes half a second on an idle machine; this one may not be.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

type Tensors = ReadonlyMap<string, Tensor>;

interface Converted {
  bundle: MemoryBundle;
  summary: ConvertSummary;
}

async function convert(sources: ModelSources, dtype: WeightClass = 'f32'): Promise<Converted> {
  const bundle = memoryBundle();
  return { bundle, summary: await convertPipeline(await combineSources(sources), bundle, { dtype }) };
}

/** The weights of a bundle, by file. */
function weightsOf({ bundle }: Converted): Map<string, Uint8Array> {
  return new Map([...bundle.files].filter(([path]) => path.startsWith('weights/')));
}

function expectSameWeights(a: Converted, b: Converted): void {
  expect([...weightsOf(a).keys()]).toEqual([...weightsOf(b).keys()]);
  for (const [path, bytes] of weightsOf(a)) {
    // toEqual on the bytes takes seconds.
    expect([path, Buffer.compare(bytes, weightsOf(b).get(path)!)]).toEqual([path, 0]);
  }
}

function f32Tensors(tensors: Tensors): Map<string, RawTensor> {
  const entries = [...tensors].map(([name, { shape, values }]): [string, RawTensor] => [
    name,
    { dtype: 'F32', shape, bytes: bytesOf(values) },
  ]);
  return new Map(entries);
}

function bytesOf(values: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function prefixed<T>(prefix: string, tensors: ReadonlyMap<string, T>): [string, T][] {
  return [...tensors].map(([name, tensor]) => [prefix + name, tensor]);
}

/** A folder of diffusers' with these numbers in place of its own. */
async function folderWith(tensors: Partial<Record<Component, Tensors>>) {
  return memorySource(await tinyPipeline({ ...tinyTensors(), ...tensors } as ReturnType<typeof tinyTensors>));
}

const TINY_NAMES = bflTransformerNames({
  hidden: 64,
  headDim: 32,
  doubleBlocks: 2,
  singleBlocks: 1,
  textWidth: 96,
  pooledWidth: 48,
});

/** Numbers below 2^32 that repeat: bytes of no meaning. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

/** Where a block has half floats. */
const HALVES: Partial<Record<GgmlTypeName, number[]>> = {
  Q4_1: [0, 2],
  Q5_1: [0, 2],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
};

/** Random blocks of a type with finite scales, and the numbers they mean. */
function randomBlocks(type: GgmlTypeName, shape: readonly number[], seed: number): { raw: RawTensor; tensor: Tensor } {
  const { length, bytes } = GGML_TYPES[type];
  const count = shape.reduce((a, b) => a * b, 1) / length;
  const data = noise(count * bytes, seed);
  const scales = f32ToF16(Float32Array.from({ length: count }, (_, i) => ((i % 7) - 3.5) / 512));
  for (let block = 0; block < count; block++) {
    for (const at of HALVES[type] ?? [0]) data.set(bytesOf(scales.slice(block, block + 1)), block * bytes + at);
  }
  return { raw: { dtype: type, shape, bytes: data }, tensor: { shape: [...shape], values: dequantize(type, data) } };
}

/**
 * A file of blocks: matrices whose rows are whole blocks in the type asked for, everything else as
 * float32.
 */
function blockFile(tensors: Tensors, typeOf: (name: string, columns: number) => GgmlTypeName | undefined) {
  const raw = new Map<string, RawTensor>();
  const numbers = new Map<string, Tensor>();
  for (const [name, { shape, values }] of tensors) {
    const type = shape.length === 2 ? typeOf(name, shape[1]!) : undefined;
    const made =
      type === undefined
        ? { raw: { dtype: 'F32', shape, bytes: bytesOf(values) }, tensor: { shape, values } }
        : randomBlocks(type, shape, raw.size + 1);
    raw.set(name, made.raw);
    numbers.set(name, made.tensor);
  }
  return { raw, numbers };
}

/** BFL's file back in diffusers' naming. */
function fromBfl(bfl: Tensors): Map<string, Tensor> {
  const shapes = tinyTensors().transformer;
  const out = new Map<string, Tensor>();
  for (const [name, parts] of TINY_NAMES) {
    const { values } = bfl.get(name)!;
    const source = name.startsWith('final_layer.adaLN')
      ? Float32Array.from([...values.subarray(values.length / 2), ...values.subarray(0, values.length / 2)])
      : values;
    let at = 0;
    for (const part of parts) {
      const { shape, values: old } = shapes.get(part)!;
      out.set(part, { shape, values: source.slice(at, at + old.length) });
      at += old.length;
    }
  }
  return out;
}

describe('a transformer in one file beside a folder', () => {
  const tensors = tinyTensors();

  it('in diffusers’ naming, as SRPO’s own, takes the place of the folder’s', async () => {
    const other = new Map(
      [...tensors.transformer].map(([name, { shape, values }]) => [name, { shape, values: values.map((x) => -x) }]),
    );
    const file = sourceFile('diffusion_pytorch_model.safetensors', await rawSafetensors(f32Tensors(other)));
    const converted = await convert({ folder: await folderWith({}), files: { transformer: file } });
    expectSameWeights(converted, await convert({ folder: await folderWith({ transformer: other }) }));
    expect(converted.summary.manifest.source.transformer).toContain('diffusion_pytorch_model.safetensors (F32)');
  });

  it('in BFL’s naming gives the same weights to the bit', async () => {
    const raw = f32Tensors(toBfl(TINY_NAMES, tensors.transformer));
    const file = sourceFile('flux1-dev.safetensors', await rawSafetensors(raw));
    const converted = await convert({ folder: await folderWith({}), files: { transformer: file } });
    expectSameWeights(converted, await convert({ folder: await folderWith({}) }));
  });

  it.each([
    ['BF16', (values: Float32Array) => f32ToBf16(values), bf16ToF32],
    ['F16', (values: Float32Array) => f32ToF16(values), f16ToF32],
  ] as const)('as GGUF of %s gives what the rounded numbers give', async (dtype, narrow, widened) => {
    const raw = new Map<string, RawTensor>();
    for (const [name, { shape, values }] of toBfl(TINY_NAMES, tensors.transformer)) {
      raw.set(name, { dtype, shape, bytes: bytesOf(narrow(values)) });
    }
    const rounded = new Map<string, Tensor>();
    for (const [name, { shape, values }] of tensors.transformer) {
      rounded.set(name, { shape, values: widened(narrow(values)) });
    }
    const files = { transformer: sourceFile('flux.gguf', rawGguf(raw)) };
    const converted = await convert({ folder: await folderWith({}), files });
    expectSameWeights(converted, await convert({ folder: await folderWith({ transformer: rounded }) }));
  });
});

describe('a text encoder in one file beside a folder', () => {
  const tensors = tinyTensors();
  const scalar: RawTensor = { dtype: 'F32', shape: [], bytes: new Uint8Array(4) };

  it('CLIP as ComfyUI’s clip_l, its other tensors reported by name', async () => {
    const raw = new Map<string, RawTensor>([
      ...prefixed('text_model.', f32Tensors(tensors.text_encoder)),
      ['text_model.embeddings.position_ids', { dtype: 'I64', shape: [1, 12], bytes: new Uint8Array(96) }],
      ['text_projection.weight', { dtype: 'F32', shape: [1, 1], bytes: new Uint8Array(4) }],
      ['logit_scale', scalar],
    ]);
    const files = { text_encoder: sourceFile('clip_l.safetensors', await rawSafetensors(raw)) };
    const converted = await convert({ folder: await folderWith({}), files });
    expectSameWeights(converted, await convert({ folder: await folderWith({}) }));
    const reported = converted.summary.unused.filter(({ component }) => component === 'text_encoder');
    expect(reported.map(({ tensor }) => tensor).sort()).toEqual([
      'logit_scale',
      'text_model.embeddings.position_ids',
      'text_projection.weight',
    ]);
  });

  it('T5 with its table under both of its names, the second reported as a copy', async () => {
    const raw = f32Tensors(tensors.text_encoder_2);
    raw.set('encoder.embed_tokens.weight', raw.get('shared.weight')!);
    const files = { text_encoder_2: sourceFile('t5xxl_fp16.safetensors', await rawSafetensors(raw)) };
    const converted = await convert({ folder: await folderWith({}), files });
    expectSameWeights(converted, await convert({ folder: await folderWith({}) }));
    expect(converted.summary.unused).toContainEqual({
      component: 'text_encoder_2',
      tensor: 'encoder.embed_tokens.weight',
      reason: 'a copy of shared.weight',
    });
  });

  it('T5 with its table only under the name of the encoder', async () => {
    const raw = f32Tensors(tensors.text_encoder_2);
    raw.set('encoder.embed_tokens.weight', raw.get('shared.weight')!);
    raw.delete('shared.weight');
    const files = { text_encoder_2: sourceFile('t5xxl_fp16.safetensors', await rawSafetensors(raw)) };
    expectSameWeights(
      await convert({ folder: await folderWith({}), files }),
      await convert({ folder: await folderWith({}) }),
    );
  });
});

describe('a network in shards, given by their index', () => {
  const shards = ['t5-00001-of-00002.safetensors', 't5-00002-of-00002.safetensors'] as const;

  async function shardedT5(inIndexToo = true) {
    const entries = [...tinyTensors().text_encoder_2];
    const files: Record<string, Uint8Array> = {};
    const weight_map: Record<string, string> = {};
    for (const [i, shard] of shards.entries()) {
      const own = entries.filter((_, at) => at % 2 === i);
      for (const [name] of own) weight_map[name] = shard;
      files[shard] = await rawSafetensors(f32Tensors(new Map(own)));
    }
    files['t5.safetensors.index.json'] = jsonBytes({ weight_map });
    const file = (name: string): SourceFile => ({
      ...sourceFile(name, files[name] ?? new Uint8Array(0)),
      ...(inIndexToo ? { beside: file } : {}),
    });
    return file('t5.safetensors.index.json');
  }

  it('gives the weights of one file, whatever shards the folder has', async () => {
    const folder = await folderWith({});
    const listed = [...(await folder.list()), `text_encoder_2/${shards[0]}`];
    const misleading = { ...folder, list: async () => listed };
    const converted = await convert({ folder: misleading, files: { text_encoder_2: await shardedT5() } });
    expectSameWeights(converted, await convert({ folder: await folderWith({}) }));
    expect(converted.summary.manifest.source.text_encoder_2).toContain(shards[1]);
  });

  it('is refused by the shard’s name where only the index can be had', async () => {
    const files = { text_encoder_2: await shardedT5(false) };
    await expect(convert({ folder: await folderWith({}), files })).rejects.toMatchObject({
      code: 'model/file-missing',
      message: expect.stringContaining(shards[0]),
    });
  });
});

describe('one file that holds everything, without a folder', () => {
  // Sizes whose heads follow from widths as in the published models, so that no config is needed.
  const sizes: TransformerSizes = {
    hidden: 128,
    headDim: 128,
    doubleBlocks: 1,
    singleBlocks: 2,
    textWidth: 64,
    pooledWidth: 64,
  };
  const fill = randomTensors();
  const transformer = fill(transformerShapes(sizes));
  const clip = fill(clipShapes('text_model.', { vocab: 10, width: 64, ff: 96, layers: 1, positions: 12 }));
  const t5 = fill(t5Shapes({ vocab: 20, width: 64, inner: 64, heads: 2, ff: 96, layers: 1 }));
  const vae = fill(vaeShapes([32, 32, 64, 64], 1));
  const scalar = { dtype: 'F32', shape: [], bytes: new Uint8Array(4) };
  const all = new Map<string, RawTensor>([
    ...prefixed('model.diffusion_model.', f32Tensors(toBfl(bflTransformerNames(sizes), transformer))),
    ...prefixed('text_encoders.clip_l.transformer.', f32Tensors(clip)),
    ['text_encoders.clip_l.logit_scale', scalar],
    ...prefixed('text_encoders.t5xxl.transformer.', f32Tensors(t5)),
    ...prefixed('vae.', f32Tensors(toBflVae(vae))),
  ]);
  const tokenizers = tinyPipeline().then(memorySource);

  async function fromOne(tensors: ReadonlyMap<string, RawTensor>) {
    const file = sourceFile('all.safetensors', await rawSafetensors(tensors));
    const files = { transformer: file, text_encoder: file, text_encoder_2: file, vae: file };
    return await convert({ files, tokenizers: await tokenizers });
  }

  it('is taken apart by its prefixes, its shapes read off its tensors', async () => {
    const { summary } = await fromOne(all);
    const { config } = summary.manifest;
    expect(config.transformer).toEqual({
      ...FLUX1_DEV.transformer,
      num_layers: 1,
      num_single_layers: 2,
      num_attention_heads: 1,
      joint_attention_dim: 64,
      pooled_projection_dim: 64,
    });
    expect(config.text_encoder).toMatchObject({ num_attention_heads: 1, max_position_embeddings: 12, eos_token_id: 9 });
    expect(config.text_encoder_2).toMatchObject({ d_kv: 32, num_heads: 2, num_layers: 1, d_ff: 96 });
    expect(config.vae).toMatchObject({ block_out_channels: [32, 32, 64, 64], layers_per_block: 1 });
    expect(config.scheduler).toEqual(FLUX1_DEV.scheduler);
  });

  it('without guidance gets an unshifted schedule, and what is assumed is said', async () => {
    const withoutGuidance = new Map([...all].filter(([name]) => !name.includes('guidance_in')));
    const file = sourceFile('all.safetensors', await rawSafetensors(withoutGuidance));
    const files = { transformer: file, text_encoder: file, text_encoder_2: file, vae: file };
    const source = await combineSources({ files, tokenizers: await tokenizers });
    const said: string[] = [];
    const { manifest } = await convertPipeline(source, memoryBundle(), {
      dtype: 'f32',
      onNotice: (notice) => notice.type === 'assumed' && said.push(notice.what),
    });
    expect(manifest.config.scheduler).toMatchObject({ use_dynamic_shifting: false, shift: 1 });
    expect(said[0]).toMatch(
      /^the schedule is not shifted, as FLUX\.1 \[schnell\]'s, because the transformer has no guid/,
    );
    expect(said.slice(1).map((what) => what.split(' ')[0])).toEqual([
      'transformer',
      'text_encoder',
      'text_encoder_2',
      'vae',
      'unknown:',
      'taken',
    ]);
    expect(manifest.source.assumed).toBe(said.join('; '));
    const { summary } = await convert({ folder: await folderWith({}) });
    expect(summary.manifest.source.assumed).toMatch(/^taken from FLUX\.1 \[dev\] SRPO: the name, [^;]*$/);
  });

  it('gives the same weights as four files in the other namings', async () => {
    const files = {
      transformer: sourceFile('model.safetensors', await rawSafetensors(f32Tensors(transformer))),
      text_encoder: sourceFile('model.safetensors', await rawSafetensors(f32Tensors(clip))),
      text_encoder_2: sourceFile('t5.gguf', rawGguf(f32Tensors(toLlamaT5(t5)))),
      vae: sourceFile('ae.safetensors', await rawSafetensors(f32Tensors(vae))),
    };
    expectSameWeights(await fromOne(all), await convert({ files, tokenizers: await tokenizers }));
  });

  it('has every tensor that is not used reported by name, once', async () => {
    const { summary } = await fromOne(all);
    expect(summary.unused.map(({ tensor }) => tensor).sort()).toEqual([
      'encoder.conv_in.bias',
      'encoder.conv_in.weight',
      'text_encoders.clip_l.logit_scale',
    ]);
  });

  it('given for the transformer alone leaves the rest, by name', async () => {
    const file = sourceFile('all.safetensors', await rawSafetensors(all));
    const files = {
      transformer: file,
      text_encoder: sourceFile('c', await rawSafetensors(f32Tensors(clip))),
      text_encoder_2: sourceFile('t', await rawSafetensors(f32Tensors(t5))),
      vae: sourceFile('v', await rawSafetensors(f32Tensors(vae))),
    };
    const { summary } = await convert({ files, tokenizers: await tokenizers });
    const left = summary.unused.filter(({ reason }) => reason.includes('a network that'));
    expect(left.map(({ tensor }) => tensor)).toEqual(
      [...all.keys()].filter((name) => !name.startsWith('model.')).sort((a, b) => (a < b ? -1 : 1)),
    );
  });

  it('cannot be left out in part without a folder', async () => {
    await expect(combineSources({ files: { vae: sourceFile('v', new Uint8Array(0)) } })).rejects.toMatchObject({
      code: 'input/required',
      details: { missing: ['transformer', 'text_encoder', 'text_encoder_2', 'tokenizers'] },
    });
  });

  it('is refused as the zip archive that torch.save writes', async () => {
    const zip = sourceFile('all.ckpt', Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0, 0, 0));
    const converting = convert({ folder: await folderWith({}), files: { transformer: zip } });
    await expect(converting).rejects.toMatchObject({ code: 'input/file-unsupported', details: { kind: 'pickle' } });
  });
});

describe('GGUF files of quantized weights', () => {
  const bfl = toBfl(TINY_NAMES, tinyTensors().transformer);
  const inBlocks = (type: GgmlTypeName) => (name: string, columns: number) =>
    name.includes('blocks') && columns % GGML_TYPES[type].length === 0 ? type : undefined;
  const convertFile = async (raw: ReadonlyMap<string, RawTensor>, dtype: WeightClass) =>
    convert({ folder: await folderWith({}), files: { transformer: sourceFile('flux.gguf', rawGguf(raw)) } }, dtype);

  // What the numbers of each type are is the gguf package's word
  // (packages/formats/src/gguf/gguf.test.ts).
  it.each(['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0', 'Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K'] as const)(
    'of %s give, as float32, what their numbers give',
    async (type) => {
      const { raw, numbers } = blockFile(bfl, inBlocks(type));
      expect([...raw.values()].some(({ dtype }) => dtype === type)).toBe(true);
      const reference = await convert({ folder: await folderWith({ transformer: fromBfl(numbers) }) });
      expectSameWeights(await convertFile(raw, 'f32'), reference);
    },
  );

  it.each([
    ['Q4_0', 'q4', dequantizeQ4],
    ['Q4_0', 'q4m', dequantizeQ4m],
    ['Q5_0', 'q8', dequantizeQ8],
    ['Q8_0', 'q8', dequantizeQ8],
  ] as const)('of %s keep every number to the bit in %s', async (type, dtype, dequantizeBlocks) => {
    const { raw, numbers } = blockFile(bfl, inBlocks(type));
    const converted = await convertFile(raw, dtype);
    const linear = async (part: string, name: string) => {
      const bytes = weightsOf(converted).get(`weights/${part}.safetensors`)!;
      const file = await readSafetensors(bytesSource(bytes, part));
      const scales = widen(file.info(`${name}.scales`).dtype, await file.read(`${name}.scales`));
      const codes = await file.read(`${name}.weight`);
      // Of each linear here: 64 input features, but for proj_mlp's 256.
      const values = dequantizeBlocks(codes, scales, name === 'proj_mlp' ? 256 : 64);
      // An offset of 0 makes +0 of −0.
      return values.map((value) => value + 0);
    };
    const diffusers = fromBfl(numbers);
    const expected = (name: string) => diffusers.get(name)!.values.map((value) => value + 0);
    expect(await linear('double_block.1', 'txt_attn.k')).toEqual(
      expected('transformer_blocks.1.attn.add_k_proj.weight'),
    );
    expect(await linear('single_block.0', 'mlp')).toEqual(expected('single_transformer_blocks.0.proj_mlp.weight'));
    // Cut along the inputs, at a block's edge.
    const whole = expected('single_transformer_blocks.0.proj_out.weight');
    expect(await linear('single_block.0', 'proj_attn')).toEqual(whole.filter((_, i) => i % 320 < 64));
    expect(await linear('single_block.0', 'proj_mlp')).toEqual(whole.filter((_, i) => i % 320 >= 64));
    expect(converted.summary.manifest.source.blocks).toMatch(
      new RegExp(`^kept to the bit: attention from ${type}, mlp from ${type}, modulation from ${type};`),
    );
  });

  it.each(['Q4_1', 'Q4_K'] as const)('of %s keep every code where q4m is asked for, in q4k', async (type) => {
    const { raw, numbers } = blockFile(bfl, (name, columns) =>
      name.includes('single_blocks') ? undefined : inBlocks(type)(name, columns),
    );
    const converted = await convertFile(raw, 'q4m');
    const { quantization, source: origin } = converted.summary.manifest;
    const { recipe } = quantization;
    // Rows of the tiny model are whole blocks of Q4_K in the second layer of the MLPs alone.
    expect([recipe.mlp, recipe.attention]).toEqual(['q4k', type === 'Q4_1' ? 'q4k' : 'q4m']);
    const bytes = weightsOf(converted).get('weights/double_block.0.safetensors')!;
    const file = await readSafetensors(bytesSource(bytes, 'double_block.0'));
    const floats = async (name: string) => widen(file.info(name).dtype, await file.read(name));
    const codes = await file.read('img_mlp.2.weight');
    const source = raw.get('double_blocks.0.img_mlp.2.weight')!;
    const kept = new KeptBlocks('q4k', type, [64, 256]);
    kept.add(source.bytes, 256, 0);
    expect(codes).toEqual(kept.codes);
    const [scales, offsets] = [await floats('img_mlp.2.scales'), await floats('img_mlp.2.offsets')];
    const expected = fromBfl(numbers).get('transformer_blocks.0.ff.net.2.weight')!.values;
    expect(relativeRms(dequantizeQ4k({ codes, scales, offsets }, 256), expected)).toBeLessThan(4e-4);
    expect(origin.blocks).toContain(`mlp from ${type} (codes)`);
  });

  it('do not store in 4 bits what the file keeps wider than its other weights', async () => {
    // As city96's Q4_K_M does: attention's projections in more bits, in all double blocks or in
    // one.
    const { raw } = blockFile(bfl, (name, columns) => {
      const isWide = name.includes('img_attn.qkv') || name === 'double_blocks.1.txt_attn.proj.weight';
      return inBlocks(isWide ? 'Q5_1' : 'Q4_0')(name, columns);
    });
    const { summary } = await convertFile(raw, 'q4');
    const { fallbacks } = summary.manifest.quantization;
    const reason = 'the source keeps it in Q5_1 and most weights beside it in Q4_0';
    const names = ['img_attn.q', 'img_attn.k', 'img_attn.v', 'txt_attn.proj'];
    expect(fallbacks.filter(({ used }) => used === 'q8')).toEqual(
      [0, 1].flatMap((block) =>
        names.map((name) => ({ tensor: `double_block.${block}/${name}.weight`, asked: 'q4', used: 'q8', reason })),
      ),
    );
  });

  it('are computed anew where blocks have no exact form, and say so', async () => {
    const { raw } = blockFile(bfl, (name, columns) => {
      const isWide = name.includes('img_mlp.2');
      return isWide && columns % 256 === 0 ? 'Q4_K' : inBlocks('Q4_0')(name, columns);
    });
    const { summary } = await convertFile(raw, 'q4');
    expect(summary.manifest.source.blocks).toMatch(
      /^kept to the bit: .*mlp from Q4_0.*; computed anew: .*mlp from Q4_K/,
    );
  });

  it('of T5 with llama.cpp’s names keep Q8_0 to the bit, its table included as numbers', async () => {
    const llama = toLlamaT5(tinyTensors().text_encoder_2);
    const { raw, numbers } = blockFile(llama, (name, columns) =>
      name.includes('rel_b') || columns % 32 ? undefined : 'Q8_0',
    );
    const names = new Map([...tinyTensors().text_encoder_2.keys()].map((name, i) => [name, [...llama.keys()][i]!]));
    const reference = new Map([...names].map(([name, own]) => [name, numbers.get(own)!]));
    const files = { text_encoder_2: sourceFile('t5.gguf', rawGguf(raw)) };
    const asFloats = await convert({ folder: await folderWith({}), files });
    expectSameWeights(asFloats, await convert({ folder: await folderWith({ text_encoder_2: reference }) }));
    const { summary } = await convert({ folder: await folderWith({}), files }, 'q8');
    expect(summary.manifest.source.blocks).toContain('kept to the bit: t5 from Q8_0, t5_wo from Q8_0');
  });

  it('with a scale that is no number are refused', async () => {
    const { raw } = blockFile(bfl, inBlocks('Q4_0'));
    raw.get('double_blocks.0.img_attn.qkv.weight')!.bytes.set([0x00, 0x7c], 18);
    await expect(convertFile(raw, 'q4')).rejects.toMatchObject({ code: 'format/value-invalid' });
  });

  it('of a type that cannot be read are refused by tensor and type', async () => {
    const raw = f32Tensors(bfl);
    const name = 'double_blocks.1.img_mlp.2.weight';
    raw.set(name, { dtype: 'IQ3_S', shape: [64, 256], bytes: new Uint8Array(64 * 110) });
    await expect(convertFile(raw, 'q4')).rejects.toThrow(/img_mlp\.2\.weight must be F32, .*Q6_K.*, got IQ3_S/);
  });
});

describe('fp8 checkpoints', () => {
  const bfl = toBfl(TINY_NAMES, tinyTensors().transformer);
  const isScaled = (name: string) =>
    name.includes('blocks') && name.endsWith('.weight') && bfl.get(name)!.shape.length === 2;
  const scaleOf = (name: string) => Math.fround(0.01 + name.length / 1000);

  /** Block matrices as fp8, the rest bf16; the numbers they mean, with a scale each or without. */
  function fp8File(withScales: boolean, dtype: 'F8_E4M3' | 'F8_E5M2' = 'F8_E4M3') {
    const raw = new Map<string, RawTensor>();
    const numbers = new Map<string, Tensor>();
    for (const [name, { shape, values }] of bfl) {
      if (isScaled(name)) {
        const isNumber =
          dtype === 'F8_E4M3' ? (code: number) => (code & 127) < 127 : (code: number) => (code & 127) < 124;
        const codes = noise(values.length, raw.size + 1).map((code) => (isNumber(code) ? code : 0));
        raw.set(name, { dtype, shape, bytes: codes });
        const scale = withScales ? scaleOf(name) : 1;
        const widened = widen(dtype, codes);
        numbers.set(name, { shape, values: widened.map((value) => value * scale) });
      } else {
        const halves = f32ToBf16(values);
        raw.set(name, { dtype: 'BF16', shape, bytes: bytesOf(halves) });
        numbers.set(name, { shape, values: bf16ToF32(halves) });
      }
    }
    return { raw, numbers };
  }

  function addScales(raw: Map<string, RawTensor>, end: string, extra: (layer: string) => [string, RawTensor][]): void {
    for (const name of [...raw.keys()].filter(isScaled)) {
      const layer = name.replace(/\.weight$/, '');
      raw.set(`${layer}.${end}`, { dtype: 'F32', shape: [], bytes: bytesOf(Float32Array.of(scaleOf(name))) });
      for (const [own, tensor] of extra(layer)) raw.set(own, tensor);
    }
  }

  const one: RawTensor = { dtype: 'F32', shape: [], bytes: bytesOf(Float32Array.of(1)) };
  const text = (json: unknown): RawTensor => {
    const bytes = new TextEncoder().encode(JSON.stringify(json));
    return { dtype: 'U8', shape: [bytes.length], bytes };
  };
  const format = { format: 'float8_e4m3fn' };
  const layers = () => [...bfl.keys()].filter(isScaled).map((name) => name.replace(/\.weight$/, ''));

  const FORMS: [string, boolean, (raw: Map<string, RawTensor>) => Record<string, string> | undefined][] = [
    ['plain', false, () => undefined],
    [
      'scaled, marked by scaled_fp8',
      true,
      (raw) => {
        raw.set('scaled_fp8', { dtype: 'F8_E4M3', shape: [2], bytes: new Uint8Array(2) });
        addScales(raw, 'scale_weight', (layer) => [[`${layer}.scale_input`, one]]);
        return undefined;
      },
    ],
    [
      'scaled, with comfy_quant beside each weight',
      true,
      (raw) => {
        addScales(raw, 'weight_scale', (layer) => [
          [`${layer}.comfy_quant`, text(format)],
          [`${layer}.input_scale`, one],
        ]);
        return undefined;
      },
    ],
    [
      'scaled, with the formats in the header',
      true,
      (raw) => {
        addScales(raw, 'weight_scale', () => []);
        const entries = Object.fromEntries(layers().map((layer) => [layer, format]));
        return { _quantization_metadata: JSON.stringify({ format_version: '1.0', layers: entries }) };
      },
    ],
  ];

  async function convertFile(raw: Map<string, RawTensor>, metadata?: Record<string, string>) {
    const file = sourceFile('fp8.safetensors', await rawSafetensors(raw, metadata));
    return await convert({ folder: await folderWith({}), files: { transformer: file } });
  }

  const WITH_TYPES = (['F8_E4M3', 'F8_E5M2'] as const).flatMap((dtype) =>
    FORMS.map(([form, ...rest]) => [dtype, form, ...rest] as const),
  );

  it.each(WITH_TYPES)(
    'of %s, %s, give fp8 · scale, and report whatever is no weight',
    async (dtype, _, withScales, decorate) => {
      const { raw, numbers } = fp8File(withScales, dtype);
      const metadata = decorate(raw);
      const converted = await convertFile(raw, metadata);
      expectSameWeights(converted, await convert({ folder: await folderWith({ transformer: fromBfl(numbers) }) }));
      const reported = converted.summary.unused.filter(({ component }) => component === 'transformer');
      expect(reported.map(({ tensor }) => tensor).sort()).toEqual(
        [...raw.keys()].filter((name) => !bfl.has(name)).sort(),
      );
    },
  );

  it('of T5, scaled, as ComfyUI’s t5xxl file, give fp8 · scale', async () => {
    const { text_encoder_2: t5 } = tinyTensors();
    const raw = new Map<string, RawTensor>([
      ['scaled_fp8', { dtype: 'F8_E4M3', shape: [0], bytes: new Uint8Array(0) }],
    ]);
    const numbers = new Map<string, Tensor>();
    for (const [name, { shape, values }] of t5) {
      const codes = noise(values.length, raw.size).map((code) => ((code & 127) === 127 ? 0 : code));
      const isLinear = /\.(?:q|k|v|o|wi_0|wi_1|wo)\.weight$/.test(name);
      raw.set(
        name,
        isLinear ? { dtype: 'F8_E4M3', shape, bytes: codes } : { dtype: 'F32', shape, bytes: bytesOf(values) },
      );
      if (isLinear) {
        const scale = { dtype: 'F32', shape: [], bytes: bytesOf(Float32Array.of(scaleOf(name))) };
        raw.set(name.replace(/weight$/, 'scale_weight'), scale);
      }
      numbers.set(
        name,
        isLinear ? { shape, values: widen('F8_E4M3', codes).map((value) => value * scaleOf(name)) } : { shape, values },
      );
    }
    const files = { text_encoder_2: sourceFile('t5xxl_fp8_e4m3fn_scaled.safetensors', await rawSafetensors(raw)) };
    const converted = await convert({ folder: await folderWith({}), files });
    expectSameWeights(converted, await convert({ folder: await folderWith({ text_encoder_2: numbers }) }));
  });

  it('in formats of other widths are refused by name', async () => {
    const { raw } = fp8File(true);
    addScales(raw, 'weight_scale', (layer) => [[`${layer}.comfy_quant`, text({ format: 'nvfp4' })]]);
    await expect(convertFile(raw)).rejects.toThrow(/comfy_quant must be stored as "?float8_e4m3fn.*nvfp4/);
  });

  it('with a scale for every row are refused rather than scaled by the first', async () => {
    const { raw } = fp8File(true);
    raw.set('double_blocks.0.img_mlp.0.weight_scale', { dtype: 'F32', shape: [256, 1], bytes: new Uint8Array(1024) });
    await expect(convertFile(raw)).rejects.toMatchObject({ details: { kind: 'fp8-blocks' } });
  });

  it.each(['F64', 'I64'])('are refused where a weight is %s', async (dtype) => {
    const { raw } = fp8File(false);
    raw.set('img_in.bias', { dtype, shape: [64], bytes: new Uint8Array(512) });
    await expect(convertFile(raw)).rejects.toThrow(
      `transformer/img_in.bias must be F32, F16, BF16, F8_E4M3, F8_E5M2, got ${dtype}`,
    );
  });
});
