import { parseManifest } from '@flux-srpo/core';
import { bf16ToF32, bytesSource, f16ToF32, readSafetensors, widen } from '@flux-srpo/formats';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { f32ToBf16 } from '../../../../test/support/bf16.ts';
import { dequantizeQ4, dequantizeQ8 } from '../../../../test/support/dequantize.ts';
import { type Files, type MemoryBundle, memoryBundle, memorySource } from '../test-support/memory.ts';
import { safetensorsBytes, type TinyTensors, tinyPipeline, tinyTensors } from '../test-support/tiny-pipeline.ts';
import { convertPipeline } from './convert.ts';
import type { ConvertOptions, ConvertSummary } from './convert-options.ts';

// A conversion takes half a second on an idle machine; this one may not be.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

interface Converted {
  bundle: MemoryBundle;
  summary: ConvertSummary;
}

async function convert(files: Files, options: ConvertOptions): Promise<Converted> {
  const bundle = memoryBundle();
  return { bundle, summary: await convertPipeline(memorySource(files), bundle, options) };
}

interface Stored {
  dtype: string;
  shape: readonly number[];
  values: Float32Array;
}

/** A float tensor of a part, widened. */
async function stored({ bundle }: Converted, part: string, name: string): Promise<Stored> {
  const file = await readSafetensors(bytesSource(bundle.files.get(`weights/${part}.safetensors`)!, part));
  const { dtype, shape } = file.info(name);
  return { dtype, shape, values: widen(dtype, await file.read(name)) };
}

/** A quantized linear of a part as torch's [N, K]. */
async function dequantized({ bundle }: Converted, part: string, linear: string, bits: 4 | 8): Promise<Float32Array> {
  const file = await readSafetensors(bytesSource(bundle.files.get(`weights/${part}.safetensors`)!, part));
  const scales = await file.read(`${linear}.scales`);
  expect(file.info(`${linear}.scales`).dtype).toBe('F16');
  const codes = await file.read(`${linear}.weight`);
  return (bits === 4 ? dequantizeQ4 : dequantizeQ8)(codes, f16ToF32(new Uint16Array(scales.buffer)));
}

/** [N, K] → [K, N] the slow, plain way. */
function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: values.length }, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
}

function columnsOf(values: Float32Array, width: number, start: number, end: number): Float32Array {
  return values.filter((_, i) => i % width >= start && i % width < end);
}

describe('a converted pipeline in f32', () => {
  let tensors: TinyTensors;
  let converted: Converted;
  const source = (component: keyof TinyTensors, name: string) => tensors[component].get(name)!.values;

  beforeAll(async () => {
    tensors = tinyTensors();
    converted = await convert(await tinyPipeline(tensors), { dtype: 'f32' });
  });

  it('has linears transposed to [in, out] with their numbers unchanged', async () => {
    const q = await stored(converted, 'double_block.1', 'img_attn.q.weight');
    expect(q.dtype).toBe('F32');
    expect(q.values).toEqual(transpose(source('transformer', 'transformer_blocks.1.attn.to_q.weight'), 64, 64));
    const ff = await stored(converted, 'double_block.0', 'txt_mlp.0.weight');
    expect(ff.shape).toEqual([64, 256]);
    const from = source('transformer', 'transformer_blocks.0.ff_context.net.0.proj.weight');
    expect(ff.values).toEqual(transpose(from, 256, 64));
  });

  it('cuts a single block’s output projection by input columns and adds its bias once', async () => {
    const whole = source('transformer', 'single_transformer_blocks.0.proj_out.weight');
    const attention = await stored(converted, 'single_block.0', 'proj_attn.weight');
    expect(attention.values).toEqual(transpose(columnsOf(whole, 320, 0, 64), 64, 64));
    const mlp = await stored(converted, 'single_block.0', 'proj_mlp.weight');
    expect(mlp.values).toEqual(transpose(columnsOf(whole, 320, 64, 320), 64, 256));
    const bias = await stored(converted, 'single_block.0', 'proj_attn.bias');
    expect(bias.values).toEqual(source('transformer', 'single_transformer_blocks.0.proj_out.bias'));
    await expect(stored(converted, 'single_block.0', 'proj_mlp.bias')).rejects.toThrow('expected a tensor');
  });

  it('stores the last adaLN as (shift, scale), where diffusers has (scale, shift)', async () => {
    const scaleShift = source('transformer', 'norm_out.linear.bias');
    const { values } = await stored(converted, 'modulation.final', 'lin.bias');
    expect([...values]).toEqual([...scaleShift.subarray(64), ...scaleShift.subarray(0, 64)]);
  });

  it('reads 1×1 convolutions of the VAE’s attention as linears and keeps kernels as they are', async () => {
    const q = await stored(converted, 'vae_in', 'mid.attn.q.weight');
    expect(q.values).toEqual(transpose(source('vae', 'decoder.mid_block.attentions.0.to_q.weight'), 24, 24));
    const up = await stored(converted, 'vae_up.1', 'res_0.shortcut.weight');
    expect(up.shape).toEqual([16, 24, 1, 1]);
    expect(up.values).toEqual(source('vae', 'decoder.up_blocks.1.resnets.0.conv_shortcut.weight'));
  });

  it('keeps embedding tables and the T5 bias table row by row', async () => {
    expect((await stored(converted, 't5_embedding', 'token')).values).toEqual(
      source('text_encoder_2', 'shared.weight'),
    );
    const bias = await stored(converted, 't5_embedding', 'position_bias');
    expect(bias.shape).toEqual([32, 2]);
    const position = await stored(converted, 'clip_embedding', 'position');
    expect(position.values).toEqual(source('text_encoder', 'embeddings.position_embedding.weight'));
  });

  it('describes itself in a manifest that lists every file once, and nothing else is there', () => {
    const { bundle, summary } = converted;
    const manifest = parseManifest(new TextDecoder().decode(bundle.files.get('manifest.json')));
    expect(manifest).toEqual(summary.manifest);
    const listed = manifest.files.map((file) => file.path);
    expect([...bundle.files.keys()].sort()).toEqual([...listed, 'manifest.json'].sort());
    expect(manifest.tokenizers.tokenizer.max_length).toBe(12);
    expect(manifest.quantization.fallbacks).toEqual([]);
    expect(bundle.state).toBe('committed');
  });

  it('names the tensors that no picture needs', () => {
    expect(converted.summary.unused.map(({ component, tensor }) => `${component}/${tensor}`).sort()).toEqual([
      'vae/encoder.conv_in.bias',
      'vae/encoder.conv_in.weight',
    ]);
  });

  it('leaves no path of the machine it was made on', () => {
    expect(new TextDecoder().decode(converted.bundle.files.get('tokenizer/tokenizer_config.json'))).not.toContain(
      '/a/b',
    );
  });

  it('gives the same bytes again', async () => {
    const again = await convert(await tinyPipeline(tensors), { dtype: 'f32' });
    expect(again.summary.identity).toBe(converted.summary.identity);
  });
});

describe('a quantized pipeline', () => {
  it('keeps q8 weights within half a step and q4 weights within 9 %, in torch’s row order', async () => {
    const tensors = tinyTensors();
    const files = await tinyPipeline(tensors);
    for (const [dtype, bits, limit] of [
      // Expected for normal values: 0.0053 and 0.081; a wrong order of rows or nibbles would give
      // 1.4.
      ['q8', 8, 0.006],
      ['q4', 4, 0.09],
    ] as const) {
      const converted = await convert(files, { dtype });
      const from = tensors.transformer.get('single_transformer_blocks.0.proj_out.weight')!.values;
      const expected = columnsOf(from, 320, 64, 320);
      const got = await dequantized(converted, 'single_block.0', 'proj_mlp', bits);
      const error = Math.sqrt(got.reduce((sum, value, i) => sum + (value - expected[i]!) ** 2, 0));
      const size = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0));
      expect(error / size).toBeLessThan(limit);
    }
  });

  it('stores what no block of 32 fits as halves, and says so', async () => {
    const { summary, bundle } = await convert(await tinyPipeline(), { dtype: 'q4' });
    const { fallbacks } = summary.manifest.quantization;
    // CLIP is 48 wide, and so is the pooled embedding the transformer reads.
    expect(fallbacks).toContainEqual({
      tensor: 'conditioning/vector_in.in_layer.weight',
      asked: 'q8',
      used: 'f16',
      reason: '48 input features are not a multiple of 32',
    });
    expect(fallbacks.every((each) => /^(clip_layer\.0|conditioning)\//.test(each.tensor))).toBe(true);
    const q = await stored({ bundle, summary }, 'clip_layer.0', 'q.weight');
    expect(q).toMatchObject({ dtype: 'F16', shape: [48, 48] });
  });

  it('widens scales or halves that float16 cannot hold', async () => {
    const tensors = tinyTensors();
    const tiny = tensors.transformer.get('transformer_blocks.0.attn.to_q.weight')!.values;
    tiny.fill(0, 0, 32).fill(1e-6, 32, 64);
    const huge = tensors.text_encoder_2.get('shared.weight')!.values;
    huge[3] = 70_000;
    const converted = await convert(await tinyPipeline(tensors), { dtype: 'q8' });
    const scales = await stored(converted, 'double_block.0', 'img_attn.q.scales');
    expect(scales.dtype).toBe('F32');
    expect([...scales.values.subarray(0, 2)]).toEqual([0, Math.fround(Math.fround(1e-6) / 127)]);
    expect((await stored(converted, 't5_embedding', 'token')).dtype).toBe('F32');
    expect(converted.summary.manifest.quantization.fallbacks).toContainEqual({
      tensor: 't5_embedding/token',
      asked: 'f16',
      used: 'f32',
      reason: 'a value of 70000 does not fit float16',
    });
  });

  it('bakes each part’s weights into a graph of its own when asked', async () => {
    const { summary, bundle } = await convert(await tinyPipeline(), { dtype: 'q8', bake: true });
    expect(summary.manifest.parts.find((part) => part.name === 'double_block.1')).toEqual({
      name: 'double_block.1',
      graph: 'double_block.1',
    });
    expect(summary.manifest.graphs['double_block.1']).toBe('graphs/double_block.1.onnx');
    // Tables are read by row, outside any graph.
    expect([...bundle.files.keys()].filter((path) => path.startsWith('weights/')).sort()).toEqual([
      'weights/clip_embedding.safetensors',
      'weights/t5_embedding.safetensors',
    ]);
  });
});

describe('what a checkpoint may look like', () => {
  it('may be sharded, in bf16, with older names and a second copy of the T5 table', async () => {
    const tensors = tinyTensors('text_model.');
    const t5 = tensors.text_encoder_2;
    t5.set('encoder.embed_tokens.weight', t5.get('shared.weight')!);
    const files = await tinyPipeline(tensors);
    files.delete('transformer/diffusion_pytorch_model.safetensors');
    const entries = [...tensors.transformer];
    const weightMap: Record<string, string> = {};
    for (const shard of [0, 1]) {
      const name = `diffusion_pytorch_model-0000${shard + 1}-of-00002.safetensors`;
      const own = entries.filter((_, i) => i % 2 === shard);
      for (const [tensor] of own) weightMap[tensor] = name;
      files.set(`transformer/${name}`, await safetensorsBytes(new Map(own), 'BF16'));
    }
    const index = JSON.stringify({ metadata: {}, weight_map: weightMap });
    files.set('transformer/diffusion_pytorch_model.safetensors.index.json', new TextEncoder().encode(index));

    const converted = await convert(files, { dtype: 'f32' });
    expect(converted.summary.unused).toContainEqual({
      component: 'text_encoder_2',
      tensor: 'encoder.embed_tokens.weight',
      reason: 'a copy of shared.weight',
    });
    const { values } = await stored(converted, 'embed_image', 'img_in.bias');
    expect(values).toEqual(bf16ToF32(f32ToBf16(tensors.transformer.get('x_embedder.bias')!.values)));
    expect(converted.summary.manifest.source.transformer).toContain('(BF16)');
  });
});
