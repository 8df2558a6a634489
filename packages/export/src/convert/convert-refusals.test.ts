import { isFluxError } from '@flux-srpo/core';
import { describe, expect, it, vi } from 'vitest';
import { FLUX_SRPO_INFO } from '../bundle/bundle-info.ts';
import { type Files, jsonBytes, memoryBundle, memorySource } from '../test-support/memory.ts';
import { TINY_CONFIGS } from '../test-support/tiny-configs.ts';
import { safetensorsBytes, type TinyTensors, tinyPipeline, tinyTensors } from '../test-support/tiny-pipeline.ts';
import { convertPipeline } from './convert.ts';

// A conversion takes half a second on an idle machine; this one may not be.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/**
 * Converts and expects a refusal with this code and these words; whatever was written must be gone.
 */
async function expectRefusal(files: Files, code: string, words: string[], info = FLUX_SRPO_INFO): Promise<void> {
  const bundle = memoryBundle();
  const error: unknown = await convertPipeline(memorySource(files), bundle, { dtype: 'q8', info }).then(
    () => undefined,
    (reason) => reason,
  );
  if (!isFluxError(error)) throw error ?? new Error('nothing was refused');
  expect(error.code).toBe(code);
  for (const word of words) expect(error.message).toContain(word);
  expect(bundle.state).toBe('aborted');
  expect(bundle.files.size).toBe(0);
}

/** A pipeline whose tensors were tampered with. */
function withTensors(tamper: (tensors: TinyTensors) => void): Promise<Files> {
  const tensors = tinyTensors();
  tamper(tensors);
  return tinyPipeline(tensors);
}

/** A pipeline with fields of one config replaced. */
async function withConfig(path: keyof typeof TINY_CONFIGS, fields: Record<string, unknown>): Promise<Files> {
  const files = await tinyPipeline();
  return files.set(path, jsonBytes({ ...TINY_CONFIGS[path], ...fields }));
}

const TRANSFORMER = 'transformer/diffusion_pytorch_model.safetensors';

describe('a conversion refuses', () => {
  it('a missing tensor, naming part, slot and source', async () => {
    const files = await withTensors(({ transformer }) => transformer.delete('transformer_blocks.1.ff.net.2.weight'));
    const words = ['transformer_blocks.1.ff.net.2.weight', 'double_block.1/img_mlp.2.weight'];
    await expectRefusal(files, 'format/tensor-missing', words);
  });

  it('a wrong shape, with what was expected and what came', async () => {
    const files = await withTensors(({ vae }) => {
      vae.set('decoder.conv_out.weight', { shape: [4, 8, 3, 3], values: new Float32Array(288) });
    });
    await expectRefusal(files, 'format/shape-mismatch', ['vae_out/conv_out.weight', '[3,8,3,3]', '[4,8,3,3]']);
  });

  it('a projection whose columns do not add up', async () => {
    const files = await withTensors(({ transformer }) => {
      const name = 'single_transformer_blocks.0.proj_out.weight';
      transformer.set(name, { shape: [64, 256], values: new Float32Array(64 * 256) });
    });
    await expectRefusal(files, 'format/shape-mismatch', ['proj_out.weight', '[64,320]', '[64,256]']);
  });

  it('a tensor the architecture has no place for', async () => {
    const files = await withTensors(({ transformer }) => {
      transformer.set('controlnet.weight', { shape: [1], values: new Float32Array(1) });
    });
    await expectRefusal(files, 'format/tensor-unexpected', ['controlnet.weight']);
  });

  it('a dtype that does not widen to float32', async () => {
    const files = await tinyPipeline();
    const tensors = tinyTensors().vae;
    // The header's dtype is what is read, so four float32 bytes stand for one 32-bit integer.
    const bytes = await safetensorsBytes(tensors);
    const text = new TextDecoder('latin1').decode(bytes).replace('"dtype":"F32"', '"dtype":"I32"');
    files.set(
      'vae/diffusion_pytorch_model.safetensors',
      Uint8Array.from(text, (char) => char.charCodeAt(0)),
    );
    const first = [...tensors.keys()].filter((name) => name.startsWith('decoder')).sort()[0]!;
    await expectRefusal(files, 'format/dtype-unsupported', [first, 'F32, F16, BF16', 'I32']);
  });

  it('a truncated file', async () => {
    const files = await tinyPipeline();
    files.set(TRANSFORMER, files.get(TRANSFORMER)!.slice(0, -1));
    await expectRefusal(files, 'input/file-unsupported', [TRANSFORMER, 'cut short']);
  });

  it('a number that is not one', async () => {
    const files = await withTensors(({ text_encoder_2 }) => {
      text_encoder_2.get('encoder.block.1.layer.1.DenseReluDense.wo.weight')!.values[77] = Number.NaN;
    });
    await expectRefusal(files, 'format/value-invalid', ['wo.weight', 'NaN']);
  });

  it.each([
    ['model_index.json', { _class_name: 'SomePipeline' }, ['FluxPipeline', 'SomePipeline']],
    ['model_index.json', { vae: ['diffusers', 'AutoencoderTiny'] }, ['vae', 'AutoencoderKL', 'AutoencoderTiny']],
    ['transformer/config.json', { patch_size: 2 }, ['patch_size', 'must be 1', 'got 2']],
    ['transformer/config.json', { out_channels: 16 }, ['out_channels', 'got 16']],
    ['transformer/config.json', { axes_dims_rope: [8, 14, 14] }, ['axes_dims_rope', 'sum to attention_head_dim 32']],
    ['transformer/config.json', { num_layers: 1e9 }, ['num_layers', '1024']],
    ['transformer/config.json', { joint_attention_dim: 64 }, ['joint_attention_dim', "96, T5's d_model"]],
    ['text_encoder/config.json', { hidden_act: 'relu' }, ['hidden_act', 'quick_gelu', 'relu']],
    ['text_encoder/config.json', { eos_token_id: 5 }, ['eos_token_id', "tokenizer's 9", 'got 5']],
    ['text_encoder_2/config.json', { feed_forward_proj: 'relu' }, ['feed_forward_proj', 'gated-gelu', 'relu']],
    ['text_encoder_2/config.json', { layer_norm_epsilon: 'small' }, ['layer_norm_epsilon', 'number', 'small']],
    ['vae/config.json', { use_post_quant_conv: true }, ['use_post_quant_conv', 'false', 'true']],
    ['vae/config.json', { latents_mean: [0] }, ['latents_mean']],
    ['vae/config.json', { block_out_channels: [8, 8, 16] }, ['block_out_channels', 'four levels']],
    ['scheduler/scheduler_config.json', { use_karras_sigmas: true }, ['use_karras_sigmas']],
    ['scheduler/scheduler_config.json', { time_shift_type: 'linear' }, ['time_shift_type', 'exponential', 'linear']],
  ] as const)('%s with %o', async (path, fields, words) => {
    await expectRefusal(await withConfig(path, fields), 'format/config-unsupported', [path, ...words]);
  });

  it('a folder without a file it needs', async () => {
    for (const path of ['model_index.json', 'vae/config.json', 'tokenizer/merges.txt', 'tokenizer_2/tokenizer.json']) {
      const files = await tinyPipeline();
      files.delete(path);
      await expectRefusal(files, 'model/file-missing', [path]);
    }
  });

  it('a config that is not JSON or too large to be one', async () => {
    const files = await tinyPipeline();
    files.set('vae/config.json', new TextEncoder().encode('{'));
    await expectRefusal(files, 'format/header-invalid', ['vae/config.json']);
    files.set('vae/config.json', new Uint8Array(2 ** 20 + 1));
    await expectRefusal(files, 'format/header-too-large', ['vae/config.json']);
  });

  it('shards beside a single file, since either could be meant', async () => {
    const files = await tinyPipeline();
    files.set('transformer/diffusion_pytorch_model.safetensors.index.json', jsonBytes({ weight_map: {} }));
    await expectRefusal(files, 'input/conflict', [TRANSFORMER, 'index.json']);
  });

  it('a shard outside its folder', async () => {
    const files = await tinyPipeline();
    files.delete(TRANSFORMER);
    const index = { weight_map: { 'x_embedder.weight': '../vae/diffusion_pytorch_model.safetensors' } };
    files.set('transformer/diffusion_pytorch_model.safetensors.index.json', jsonBytes(index));
    await expectRefusal(files, 'format/header-invalid', ['../vae/', 'x_embedder.weight']);
  });

  it('shards without their index, which it names', async () => {
    const files = await tinyPipeline();
    files.set('transformer/diffusion_pytorch_model-00001-of-00002.safetensors', files.get(TRANSFORMER)!);
    files.delete(TRANSFORMER);
    await expectRefusal(files, 'model/file-missing', [
      'transformer/diffusion_pytorch_model-00001-of-00002.safetensors',
      'transformer/diffusion_pytorch_model.safetensors.index.json',
    ]);
  });

  it('an index that names no shard', async () => {
    const files = await tinyPipeline();
    files.delete(TRANSFORMER);
    files.set(`${TRANSFORMER}.index.json`, jsonBytes({ weight_map: {} }));
    await expectRefusal(files, 'format/header-invalid', ['index.json', 'weight_map']);
  });

  it('an index that lists a tensor that no shard has, naming both', async () => {
    const files = await tinyPipeline();
    const shard = 'diffusion_pytorch_model-00001-of-00001.safetensors';
    const listed = [...tinyTensors().transformer.keys(), 'transformer_blocks.9.norm1.linear.weight'];
    files.set(`transformer/${shard}`, files.get(TRANSFORMER)!);
    files.delete(TRANSFORMER);
    const weight_map = Object.fromEntries(listed.map((name) => [name, shard]));
    files.set(`${TRANSFORMER}.index.json`, jsonBytes({ weight_map }));
    await expectRefusal(files, 'format/tensor-missing', ['transformer_blocks.9.norm1.linear.weight', shard]);
  });

  it.each([
    ['another network', 'vae/diffusion_pytorch_model.safetensors', ['x_embedder.weight', 'img_in.weight', 'of vae']],
    ['no network at all', undefined, ['x_embedder.weight', 'got hello']],
  ])('a file that holds %s, saying what it holds', async (_, path, words) => {
    const files = await tinyPipeline();
    const hello = new Map([['hello', { shape: [1], values: new Float32Array(1) }]]);
    files.set(TRANSFORMER, path === undefined ? await safetensorsBytes(hello) : files.get(path)!);
    await expectRefusal(files, 'format/tensor-missing', [TRANSFORMER, ...words]);
  });

  it('a file that is no safetensors file, in doubt about that', async () => {
    const files = await tinyPipeline();
    files.set(TRANSFORMER, new TextEncoder().encode('#!/usr/bin/env python3'));
    await expectRefusal(files, 'format/header-too-large', [
      TRANSFORMER,
      'safetensors file must begin with',
      'is it one?',
    ]);
  });

  it('sizes that no request could have, before any weight is read', async () => {
    const info = structuredClone(FLUX_SRPO_INFO);
    info.sizes.square.width = 500;
    await expectRefusal(await tinyPipeline(), 'model/manifest-invalid', ['sizes.square.width', '500'], info);
  });
});

describe('CLIP’s legacy end of text', () => {
  it('is the tokenizer’s, where that is the largest id, as the argmax rule needs', async () => {
    const files = await withConfig('text_encoder/config.json', { eos_token_id: 2 });
    const { manifest } = await convertPipeline(memorySource(files), memoryBundle(), { dtype: 'f32' });
    expect(manifest.config.text_encoder.eos_token_id).toBe(9);
  });

  it('is refused where a larger id exists', async () => {
    const tensors = tinyTensors();
    const token = 'embeddings.token_embedding.weight';
    tensors.text_encoder.set(token, { shape: [11, 48], values: new Float32Array(11 * 48) });
    const files = await tinyPipeline(tensors);
    const config = { ...TINY_CONFIGS['text_encoder/config.json'], eos_token_id: 2, vocab_size: 11 };
    files.set('text_encoder/config.json', jsonBytes(config));
    await expectRefusal(files, 'format/config-unsupported', ['eos_token_id', "tokenizer's 9"]);
  });
});
