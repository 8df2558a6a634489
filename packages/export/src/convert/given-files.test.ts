import { isFluxError } from '@flux-srpo/core';
import { describe, expect, it, vi } from 'vitest';
import { inspectTensorFile } from '../inspect/inspect-tensor-file.ts';
import { bflTransformerNames, toBfl, toOpenAiClip } from '../test-support/bfl.ts';
import { filesBeside, rawGguf, rawSafetensors, sourceFile } from '../test-support/checkpoint-files.ts';
import { convert, expectSameWeights, f32Tensors } from '../test-support/conversions.ts';
import { clipShapes, type TransformerSizes, transformerShapes } from '../test-support/diffusers-shapes.ts';
import { type Files, jsonBytes, memorySource } from '../test-support/memory.ts';
import { TINY_CONFIGS } from '../test-support/tiny-configs.ts';
import { randomTensors, type Tensor, tinyPipeline, tinyTensors } from '../test-support/tiny-pipeline.ts';

// A conversion takes half a second on an idle machine; this one may not be.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const SIZES = { hidden: 64, headDim: 32, doubleBlocks: 2, singleBlocks: 1, textWidth: 96, pooledWidth: 48 };
const plain = async () => await convert({ folder: memorySource(await tinyPipeline()) });

describe('a GGUF file in parts', () => {
  const bfl = f32Tensors(toBfl(bflTransformerNames(SIZES), tinyTensors().transformer));
  const name = (part: number) => `flux-0000${part}-of-00003.gguf`;

  /** As llama-gguf-split writes them; its first part may have no tensors. */
  function parts(prefix = ''): Record<string, Uint8Array> {
    const all = [...bfl].map(([key, tensor]) => [prefix + key, tensor] as const);
    const cuts = [all.slice(0, 0), all.slice(0, 20), all.slice(20)];
    const files = cuts.map((own, no) => [
      name(no + 1),
      rawGguf(new Map(own), { 'split.no': no, 'split.count': 3, 'split.tensors.count': all.length }),
    ]);
    return Object.fromEntries(files);
  }

  const from = async (files: Record<string, Uint8Array>, given: string) =>
    convert({ folder: memorySource(await tinyPipeline()), files: { transformer: filesBeside(files, given) } });

  it.each([
    ['its first part', name(1), ''],
    ['its last', name(3), ''],
    ['its first part, with a prefix that only the second shows', name(1), 'model.diffusion_model.'],
  ])('is read whole when given by %s', async (_, given, prefix) => {
    const converted = await from(parts(prefix), given);
    expectSameWeights(converted, await plain());
    expect(converted.summary.manifest.source.transformer).toBe(`transformer/${name(1)} and 2 more (F32)`);
  });

  it('is found in a folder', async () => {
    const files = await tinyPipeline();
    files.delete('transformer/diffusion_pytorch_model.safetensors');
    for (const [part, bytes] of Object.entries(parts())) files.set(`transformer/${part}`, bytes);
    expectSameWeights(await convert({ folder: memorySource(files) }), await plain());
  });

  it('is refused where a part is missing, which is named', async () => {
    const { [name(2)]: _, ...rest } = parts();
    const converting = from(rest, name(1));
    await expect(converting).rejects.toMatchObject({ code: 'model/file-missing', details: { part: 2, parts: 3 } });
    await expect(converting).rejects.toThrow(`part 2 of 3 is missing: transformer/${name(2)}; it belongs beside`);
  });

  it('is looked at with the parts that are missing beside it', async () => {
    const { [name(2)]: _, ...rest } = parts();
    const { open, beside } = filesBeside(rest, name(1));
    const inspected = inspectTensorFile(await open(), beside);
    await expect(inspected).resolves.toMatchObject({ split: { part: 1, parts: 3, missing: [name(2)] } });
    const whole = filesBeside(parts(), name(3));
    const complete = inspectTensorFile(await whole.open(), whole.beside);
    await expect(complete).resolves.toMatchObject({ split: { part: 3, parts: 3, missing: [] } });
  });

  it('is refused where nothing beside the file can be reached', async () => {
    const files = { transformer: sourceFile(name(2), parts()[name(2)]!) };
    const converting = convert({ folder: memorySource(await tinyPipeline()), files });
    await expect(converting).rejects.toThrow(`part 1 of 3 is missing: transformer/${name(1)}`);
  });

  it('is refused under a name by which its parts cannot be found', async () => {
    const files = { 'flux.gguf': parts()[name(2)]! };
    await expect(from(files, 'flux.gguf')).rejects.toThrow(/part 2 of 3: its name must end in -00002-of-00003\.gguf/);
  });

  it('is refused where parts were exchanged', async () => {
    const files = parts();
    [files[name(2)], files[name(3)]] = [files[name(3)]!, files[name(2)]!];
    await expect(from(files, name(1))).rejects.toThrow('must be part 2 of 3, got 3 of 3');
  });
});

describe('the shards of a variant', () => {
  const shards = ['model one.bf16-00001-of-00002.safetensors', 'model one.bf16-00002-of-00002.safetensors'] as const;

  async function sharded(): Promise<{ index: Uint8Array; files: Record<string, Uint8Array> }> {
    const entries = [...f32Tensors(tinyTensors().transformer)];
    const own = shards.map((_, i) => new Map(entries.filter((_, at) => at % 2 === i)));
    const weight_map = Object.fromEntries(own.flatMap((each, i) => [...each.keys()].map((key) => [key, shards[i]])));
    const files = { [shards[0]]: await rawSafetensors(own[0]!), [shards[1]]: await rawSafetensors(own[1]!) };
    return { index: jsonBytes({ metadata: { total_size: 1 }, weight_map }), files };
  }

  // The name that diffusers 0.42.1 gives the index of a variant: `_add_variant` in
  // utils/hub_utils.py.
  it.each(['bf16', 'fp16'])('are found in a folder by the index of %s', async (variant) => {
    const folder = await tinyPipeline();
    folder.delete('transformer/diffusion_pytorch_model.safetensors');
    const { index, files } = await sharded();
    for (const [shard, bytes] of Object.entries(files)) folder.set(`transformer/${shard}`, bytes);
    folder.set(`transformer/diffusion_pytorch_model.safetensors.index.${variant}.json`, index);
    expectSameWeights(await convert({ folder: memorySource(folder) }), await plain());
  });

  it('stand back where the folder has weights without a variant', async () => {
    const folder = await tinyPipeline();
    folder.set('transformer/diffusion_pytorch_model.safetensors.index.fp16.json', jsonBytes({}));
    folder.set('transformer/diffusion_pytorch_model.fp16.safetensors', new Uint8Array(1));
    expectSameWeights(await convert({ folder: memorySource(folder) }), await plain());
  });

  it('of two variants are refused, since either could be meant', async () => {
    const folder = await tinyPipeline();
    folder.delete('transformer/diffusion_pytorch_model.safetensors');
    for (const variant of ['fp16', 'bf16']) {
      folder.set(`transformer/diffusion_pytorch_model.safetensors.index.${variant}.json`, jsonBytes({}));
    }
    await expect(convert({ folder: memorySource(folder) })).rejects.toThrow(/index\.fp16\.json, .*index\.bf16\.json/);
  });

  it.each(['model.safetensors.index.bf16.json', 'index.json.txt', 'index'])(
    'are found by an index that is given as %s',
    async (name) => {
      const { index, files } = await sharded();
      const given = { transformer: filesBeside({ ...files, [name]: index }, name) };
      const converted = await convert({ folder: memorySource(await tinyPipeline()), files: given });
      expectSameWeights(converted, await plain());
    },
  );

  it.each([
    '../a.safetensors',
    'https:a.safetensors',
    'a.safetensors?x',
    '.safetensors',
    'a/b.safetensors',
    'a\\b.safetensors',
  ])('are refused where they are named %s', async (shard) => {
    const given = { transformer: filesBeside({ 'i.json': jsonBytes({ weight_map: { a: shard } }) }, 'i.json') };
    const converting = convert({ folder: memorySource(await tinyPipeline()), files: given });
    await expect(converting).rejects.toMatchObject({ code: 'format/header-invalid' });
  });
});

describe('a file in place of a folder’s, which differs from its config', () => {
  const fill = randomTensors();
  const sizes: TransformerSizes = { ...SIZES, doubleBlocks: 1, singleBlocks: 3 };
  const other = fill(transformerShapes(sizes));
  const clip = fill(clipShapes('', { vocab: 10, width: 48, ff: 80, layers: 2, positions: 248 }));

  /** A folder with this transformer or text encoder, and the config that is true of it. */
  async function trueFolder(
    component: 'transformer' | 'text_encoder',
    tensors: Map<string, Tensor>,
    fields: object,
  ): Promise<Files> {
    const folder = await tinyPipeline({ ...tinyTensors(), [component]: tensors });
    const path = `${component}/config.json` as const;
    return folder.set(path, jsonBytes({ ...TINY_CONFIGS[path], ...fields }));
  }

  it('has as many blocks as its tensors say, and a notice says so', async () => {
    const files = { transformer: sourceFile('flux.safetensors', await rawSafetensors(f32Tensors(other))) };
    const converted = await convert({ folder: memorySource(await tinyPipeline()), files });
    const folder = await trueFolder('transformer', other, { num_layers: 1, num_single_layers: 3 });
    const expected = await convert({ folder: memorySource(folder) });
    expectSameWeights(converted, expected);
    expect(converted.summary.manifest.config).toEqual(expected.summary.manifest.config);
    expect(converted.notices).toEqual([
      {
        type: 'assumed',
        what: 'num_layers is 1, as in transformer/flux.safetensors, not 2, as in transformer/config.json',
      },
      {
        type: 'assumed',
        what: 'num_single_layers is 3, as in transformer/flux.safetensors, not 1, as in transformer/config.json',
      },
    ]);
  });

  it('has no guidance where its tensors have none, and then no schedule of a model with guidance', async () => {
    const schnell = new Map([...tinyTensors().transformer].filter(([name]) => !name.includes('guidance')));
    const files = { transformer: sourceFile('schnell.safetensors', await rawSafetensors(f32Tensors(schnell))) };
    const { summary, notices } = await convert({ folder: memorySource(await tinyPipeline()), files });
    expect(summary.manifest.config.transformer.guidance_embeds).toBe(false);
    // diffusers: FLUX.1 [schnell]'s scheduler_config.json.
    expect(summary.manifest.config.scheduler).toMatchObject({ use_dynamic_shifting: false, shift: 1 });
    expect(notices.map(({ what }) => what)).toEqual([
      expect.stringMatching(/^guidance_embeds is false, as in .*schnell.*, not true/),
      expect.stringMatching(/^the schedule is not shifted/),
    ]);
  });

  it('has 248 positions where its table has, as LongCLIP', async () => {
    const files = { text_encoder: sourceFile('clip.safetensors', await rawSafetensors(f32Tensors(clip))) };
    const converted = await convert({ folder: memorySource(await tinyPipeline()), files });
    const folder = await trueFolder('text_encoder', clip, { num_hidden_layers: 2, max_position_embeddings: 248 });
    expectSameWeights(converted, await convert({ folder: memorySource(folder) }));
    expect(converted.summary.manifest.config.text_encoder.max_position_embeddings).toBe(248);
    expect(converted.notices).toHaveLength(2);
  });

  it('is refused with both sides where the rest of the folder contradicts it', async () => {
    const wide = fill(transformerShapes({ ...SIZES, textWidth: 128 }));
    const files = { transformer: sourceFile('flux.safetensors', await rawSafetensors(f32Tensors(wide))) };
    const error: unknown = await convert({ folder: memorySource(await tinyPipeline()), files }).catch((e) => e);
    expect(isFluxError(error, 'format/config-unsupported')).toBe(true);
    expect((error as Error).message).toMatch(
      /^transformer\/config\.json with the shapes of .*flux\.safetensors: joint_attention_dim must be 96, T5's d_model, got 128/,
    );
  });

  it('is refused with both sides where the config’s rotary dimensions are of other heads', async () => {
    const narrow = fill(transformerShapes({ ...SIZES, headDim: 16 }));
    const files = { transformer: sourceFile('flux.safetensors', await rawSafetensors(f32Tensors(narrow))) };
    await expect(convert({ folder: memorySource(await tinyPipeline()), files })).rejects.toThrow(
      /axes_dims_rope must be three even numbers that sum to attention_head_dim 16, got \[4,14,14\]/,
    );
  });
});

describe('CLIP in OpenAI’s naming', () => {
  it('gives the weights of transformers’ naming, its other half reported by name', async () => {
    const { text_encoder } = tinyTensors();
    const raw = f32Tensors(toOpenAiClip(text_encoder));
    for (const name of ['text_projection', 'logit_scale', 'visual.proj', 'visual.conv1.weight']) {
      raw.set(name, { dtype: 'F32', shape: [1, 1], bytes: new Uint8Array(4) });
    }
    expect([...raw.keys()]).toContain('transformer.resblocks.0.attn.in_proj_weight');
    const files = { text_encoder: sourceFile('ViT-L-14.safetensors', await rawSafetensors(raw)) };
    const converted = await convert({ folder: memorySource(await tinyPipeline()), files });
    expectSameWeights(converted, await plain());
    expect(converted.notices).toEqual([]);
    expect(converted.summary.unused.filter(({ component }) => component === 'text_encoder')).toHaveLength(4);
  });
});
