import { torchRandn } from '@flux-srpo/core';
import { bytesSink, type Dtype, f32ToF16, writeSafetensors } from '@flux-srpo/formats';
import { f32ToBf16 } from '../../../../test/support/bf16.ts';
import { type Files, jsonBytes } from './memory.ts';

/** Name → shape, outermost first. */
export type Shapes = Map<string, number[]>;

export interface Tensor {
  shape: number[];
  values: Float32Array;
}

/** Every size differs from every other where a mix-up could hide. */
const HIDDEN = 64;
const HEAD_DIM = 32;
const T5_WIDTH = 96;
const T5_INNER = 32;
const T5_FF = 160;
/** Not a multiple of 32, so that block quantization has to fall back. */
const CLIP_WIDTH = 48;
const CLIP_FF = 80;
const CHANNELS = [8, 8, 16, 24];
const LATENT_CHANNELS = 16;
export const TINY_VOCAB = 10;

export const TINY_CONFIGS = {
  'model_index.json': {
    _class_name: 'FluxPipeline',
    scheduler: ['diffusers', 'FlowMatchEulerDiscreteScheduler'],
    text_encoder: ['transformers', 'CLIPTextModel'],
    text_encoder_2: ['transformers', 'T5EncoderModel'],
    transformer: ['diffusers', 'FluxTransformer2DModel'],
    vae: ['diffusers', 'AutoencoderKL'],
  },
  'scheduler/scheduler_config.json': {
    _class_name: 'FlowMatchEulerDiscreteScheduler',
    num_train_timesteps: 1000,
    shift: 3,
    use_dynamic_shifting: true,
    base_shift: 0.5,
    max_shift: 1.15,
    base_image_seq_len: 256,
    max_image_seq_len: 4096,
  },
  'transformer/config.json': {
    _class_name: 'FluxTransformer2DModel',
    attention_head_dim: HEAD_DIM,
    axes_dims_rope: [4, 14, 14],
    guidance_embeds: true,
    in_channels: 4 * LATENT_CHANNELS,
    joint_attention_dim: T5_WIDTH,
    num_attention_heads: HIDDEN / HEAD_DIM,
    num_layers: 2,
    num_single_layers: 1,
    out_channels: null,
    patch_size: 1,
    pooled_projection_dim: CLIP_WIDTH,
  },
  'text_encoder/config.json': {
    model_type: 'clip_text_model',
    eos_token_id: TINY_VOCAB - 1,
    hidden_act: 'quick_gelu',
    hidden_size: CLIP_WIDTH,
    intermediate_size: CLIP_FF,
    layer_norm_eps: 1e-5,
    max_position_embeddings: 12,
    num_attention_heads: 3,
    num_hidden_layers: 1,
    vocab_size: TINY_VOCAB,
  },
  'text_encoder_2/config.json': {
    model_type: 't5',
    d_ff: T5_FF,
    d_kv: 16,
    d_model: T5_WIDTH,
    dense_act_fn: 'gelu_new',
    feed_forward_proj: 'gated-gelu',
    layer_norm_epsilon: 1e-6,
    num_heads: T5_INNER / 16,
    num_layers: 2,
    relative_attention_num_buckets: 32,
    relative_attention_max_distance: 128,
    vocab_size: 20,
  },
  'vae/config.json': {
    _class_name: 'AutoencoderKL',
    act_fn: 'silu',
    block_out_channels: CHANNELS,
    latent_channels: LATENT_CHANNELS,
    latents_mean: null,
    latents_std: null,
    layers_per_block: 1,
    mid_block_add_attention: true,
    norm_num_groups: 4,
    out_channels: 3,
    scaling_factor: 0.3611,
    shift_factor: 0.1159,
    up_block_types: CHANNELS.map(() => 'UpDecoderBlock2D'),
    use_post_quant_conv: false,
    use_quant_conv: false,
  },
  'tokenizer/tokenizer_config.json': { tokenizer_class: 'CLIPTokenizer', model_max_length: 8192, name_or_path: '/a/b' },
  'tokenizer_2/tokenizer_config.json': { tokenizer_class: 'T5TokenizerFast', model_max_length: 16 },
} satisfies Record<string, Record<string, unknown>>;

const TINY_TOKENIZERS = {
  'tokenizer/vocab.json': {
    a: 0,
    b: 1,
    'a</w>': 2,
    'b</w>': 3,
    ab: 4,
    'ab</w>': 5,
    'ba</w>': 6,
    c: 7,
    '<|startoftext|>': 8,
    '<|endoftext|>': 9,
  },
  'tokenizer_2/tokenizer.json': { model: { type: 'Unigram', unk_id: 2, vocab: [['<pad>', 0]] } },
};

/** The sizes that a transformer's tensors follow from. */
export interface TransformerSizes {
  hidden: number;
  headDim: number;
  doubleBlocks: number;
  singleBlocks: number;
  textWidth: number;
  pooledWidth: number;
}

const TINY_SIZES: TransformerSizes = {
  hidden: HIDDEN,
  headDim: HEAD_DIM,
  doubleBlocks: 2,
  singleBlocks: 1,
  textWidth: T5_WIDTH,
  pooledWidth: CLIP_WIDTH,
};

/** FLUX.1 [dev]'s. */
export const FLUX1_SIZES: TransformerSizes = {
  hidden: 3072,
  headDim: 128,
  doubleBlocks: 19,
  singleBlocks: 38,
  textWidth: 4096,
  pooledWidth: 768,
};

/**
 * diffusers' names and shapes, written out here rather than taken from the key maps: this is their
 * oracle.
 */
export function transformerShapes(sizes: TransformerSizes): Shapes {
  const { hidden, headDim } = sizes;
  const shapes: Shapes = new Map();
  const linear = (name: string, out: number, inner: number) => {
    shapes.set(`${name}.weight`, [out, inner]).set(`${name}.bias`, [out]);
  };
  linear('x_embedder', hidden, 64);
  linear('context_embedder', hidden, sizes.textWidth);
  for (const [name, inner] of [
    ['timestep', 256],
    ['guidance', 256],
    ['text', sizes.pooledWidth],
  ] as const) {
    linear(`time_text_embed.${name}_embedder.linear_1`, hidden, inner);
    linear(`time_text_embed.${name}_embedder.linear_2`, hidden, hidden);
  }
  for (let i = 0; i < sizes.doubleBlocks; i++) {
    const block = `transformer_blocks.${i}`;
    linear(`${block}.norm1.linear`, 6 * hidden, hidden);
    linear(`${block}.norm1_context.linear`, 6 * hidden, hidden);
    for (const name of ['to_q', 'to_k', 'to_v', 'to_out.0', 'add_q_proj', 'add_k_proj', 'add_v_proj', 'to_add_out']) {
      linear(`${block}.attn.${name}`, hidden, hidden);
    }
    for (const name of ['norm_q', 'norm_k', 'norm_added_q', 'norm_added_k']) {
      shapes.set(`${block}.attn.${name}.weight`, [headDim]);
    }
    for (const name of ['ff', 'ff_context']) {
      linear(`${block}.${name}.net.0.proj`, 4 * hidden, hidden);
      linear(`${block}.${name}.net.2`, hidden, 4 * hidden);
    }
  }
  for (let i = 0; i < sizes.singleBlocks; i++) {
    const block = `single_transformer_blocks.${i}`;
    linear(`${block}.norm.linear`, 3 * hidden, hidden);
    for (const name of ['to_q', 'to_k', 'to_v']) linear(`${block}.attn.${name}`, hidden, hidden);
    for (const name of ['norm_q', 'norm_k']) shapes.set(`${block}.attn.${name}.weight`, [headDim]);
    linear(`${block}.proj_mlp`, 4 * hidden, hidden);
    linear(`${block}.proj_out`, hidden, 5 * hidden);
  }
  linear('norm_out.linear', 2 * hidden, hidden);
  linear('proj_out', 64, hidden);
  return shapes;
}

/** The sizes that a CLIP text model's tensors follow from. */
export interface ClipSizes {
  vocab: number;
  width: number;
  ff: number;
  layers: number;
  positions: number;
}

const TINY_CLIP: ClipSizes = { vocab: TINY_VOCAB, width: CLIP_WIDTH, ff: CLIP_FF, layers: 1, positions: 12 };

export function clipShapes(prefix: string, { vocab, width, ff, layers, positions }: ClipSizes = TINY_CLIP): Shapes {
  const shapes: Shapes = new Map();
  const both = (name: string, ...shape: number[]) => {
    shapes.set(`${prefix}${name}.weight`, shape).set(`${prefix}${name}.bias`, [shape[0]!]);
  };
  shapes.set(`${prefix}embeddings.token_embedding.weight`, [vocab, width]);
  shapes.set(`${prefix}embeddings.position_embedding.weight`, [positions, width]);
  for (let i = 0; i < layers; i++) {
    const layer = `encoder.layers.${i}`;
    for (const name of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) both(`${layer}.self_attn.${name}`, width, width);
    both(`${layer}.mlp.fc1`, ff, width);
    both(`${layer}.mlp.fc2`, width, ff);
    for (const name of ['layer_norm1', 'layer_norm2']) both(`${layer}.${name}`, width);
  }
  both('final_layer_norm', width);
  return shapes;
}

/** The sizes that a T5 encoder's tensors follow from. */
export interface T5Sizes {
  vocab: number;
  width: number;
  inner: number;
  heads: number;
  ff: number;
  layers: number;
}

const TINY_T5: T5Sizes = { vocab: 20, width: T5_WIDTH, inner: T5_INNER, heads: T5_INNER / 16, ff: T5_FF, layers: 2 };

export function t5Shapes({ vocab, width, inner, heads, ff, layers }: T5Sizes = TINY_T5): Shapes {
  const shapes: Shapes = new Map([['shared.weight', [vocab, width]]]);
  for (let i = 0; i < layers; i++) {
    const block = `encoder.block.${i}.layer`;
    for (const name of ['q', 'k', 'v']) shapes.set(`${block}.0.SelfAttention.${name}.weight`, [inner, width]);
    shapes.set(`${block}.0.SelfAttention.o.weight`, [width, inner]);
    shapes.set(`${block}.0.layer_norm.weight`, [width]);
    for (const name of ['wi_0', 'wi_1']) shapes.set(`${block}.1.DenseReluDense.${name}.weight`, [ff, width]);
    shapes.set(`${block}.1.DenseReluDense.wo.weight`, [width, ff]);
    shapes.set(`${block}.1.layer_norm.weight`, [width]);
  }
  shapes.set('encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight', [32, heads]);
  shapes.set('encoder.final_layer_norm.weight', [width]);
  return shapes;
}

/**
 * @param channels of the encoder's levels; a decoder's level has one residual block more than
 *   `layersPerBlock`
 */
export function vaeShapes(channels: readonly number[] = CHANNELS, layersPerBlock = 1): Shapes {
  const shapes: Shapes = new Map();
  const both = (name: string, ...shape: number[]) => {
    shapes.set(`${name}.weight`, shape).set(`${name}.bias`, [shape[0]!]);
  };
  const conv = (name: string, out: number, inner: number) => both(name, out, inner, 3, 3);
  const resnet = (name: string, inner: number, out: number) => {
    both(`${name}.norm1`, inner);
    conv(`${name}.conv1`, out, inner);
    both(`${name}.norm2`, out);
    conv(`${name}.conv2`, out, out);
    if (inner !== out) both(`${name}.conv_shortcut`, out, inner, 1, 1);
  };
  const levels = [...channels].reverse();
  const top = levels[0]!;
  conv('decoder.conv_in', top, LATENT_CHANNELS);
  for (const j of [0, 1]) resnet(`decoder.mid_block.resnets.${j}`, top, top);
  both('decoder.mid_block.attentions.0.group_norm', top);
  // Files converted from the original autoencoder keep 1×1 convolutions here.
  both('decoder.mid_block.attentions.0.to_q', top, top, 1, 1);
  for (const name of ['to_k', 'to_v', 'to_out.0']) both(`decoder.mid_block.attentions.0.${name}`, top, top);
  for (const [i, out] of levels.entries()) {
    const inner = levels[Math.max(0, i - 1)]!;
    resnet(`decoder.up_blocks.${i}.resnets.0`, inner, out);
    for (let j = 1; j <= layersPerBlock; j++) resnet(`decoder.up_blocks.${i}.resnets.${j}`, out, out);
    if (i < levels.length - 1) conv(`decoder.up_blocks.${i}.upsamplers.0.conv`, out, out);
  }
  both('decoder.conv_norm_out', levels.at(-1)!);
  conv('decoder.conv_out', 3, levels.at(-1)!);
  conv('encoder.conv_in', 8, 3);
  return shapes;
}

/** Fills shapes with torch.randn · 0.05, seeded 0, 1, 2, … as they come. */
export function randomTensors(): (shapes: Shapes) => Map<string, Tensor> {
  let seed = 0;
  return (shapes) =>
    new Map(
      [...shapes].map(([name, shape]) => {
        const values = torchRandn(
          seed++,
          shape.reduce((a, b) => a * b, 1),
        );
        return [name, { shape, values: values.map((value) => value * 0.05) }];
      }),
    );
}

export type TinyComponent = 'transformer' | 'text_encoder' | 'text_encoder_2' | 'vae';
export type TinyTensors = Record<TinyComponent, Map<string, Tensor>>;

/** Random tensors for every name, torch.randn · 0.05; different for every name. */
export function tinyTensors(clipPrefix = ''): TinyTensors {
  const fill = randomTensors();
  return {
    transformer: fill(transformerShapes(TINY_SIZES)),
    text_encoder: fill(clipShapes(clipPrefix)),
    text_encoder_2: fill(t5Shapes()),
    vae: fill(vaeShapes()),
  };
}

export async function safetensorsBytes(tensors: Map<string, Tensor>, dtype: Dtype = 'F32'): Promise<Uint8Array> {
  const sink = bytesSink();
  const narrow = { F32: (x: Float32Array) => x, F16: f32ToF16, BF16: f32ToBf16 }[dtype as 'F32'];
  await writeSafetensors(
    sink,
    [...tensors].map(([name, { shape }]) => ({ name, dtype, shape })),
    async ({ name }) => new Uint8Array(narrow(tensors.get(name)!.values).buffer),
  );
  return sink.bytes();
}

/** The folder diffusers would save: configs, one safetensors file a component, tokenizers. */
export async function tinyPipeline(tensors: TinyTensors = tinyTensors()): Promise<Files> {
  const files: Files = new Map();
  for (const [path, json] of Object.entries({ ...TINY_CONFIGS, ...TINY_TOKENIZERS })) files.set(path, jsonBytes(json));
  files.set('tokenizer/merges.txt', new TextEncoder().encode('#version: 0.2\na b</w>\nb a</w>\n'));
  for (const component of ['transformer', 'vae'] as const) {
    files.set(`${component}/diffusion_pytorch_model.safetensors`, await safetensorsBytes(tensors[component]));
  }
  for (const component of ['text_encoder', 'text_encoder_2'] as const) {
    files.set(`${component}/model.safetensors`, await safetensorsBytes(tensors[component]));
  }
  return files;
}
