import { affine, type KeyRule, layers, weights } from './rules.ts';

const CLIP = 'clip_layer.{i}';
const CLIP_LAYER = 'encoder.layers.{i}';

/** CLIPTextModel → parts, without the `text_model.` that transformers before 5 puts in front. */
export const CLIP_KEYS: readonly KeyRule[] = [
  { part: 'clip_embedding', slot: 'token', from: 'embeddings.token_embedding.weight' },
  { part: 'clip_embedding', slot: 'position', from: 'embeddings.position_embedding.weight' },
  ...affine(CLIP, 'norm1', `${CLIP_LAYER}.layer_norm1`),
  ...layers(CLIP, `${CLIP_LAYER}.self_attn.`, { q: 'q_proj', k: 'k_proj', v: 'v_proj', out: 'out_proj' }),
  ...affine(CLIP, 'norm2', `${CLIP_LAYER}.layer_norm2`),
  ...layers(CLIP, `${CLIP_LAYER}.mlp.`, { fc1: 'fc1', fc2: 'fc2' }),
  ...affine('clip_final', 'norm', 'final_layer_norm'),
];

const OPENAI_BLOCK = 'transformer.resblocks.{i}';

/**
 * OpenAI's CLIP → parts: q, k and v are rows of one tensor, in this order.
 * @see https://github.com/openai/CLIP/blob/d05afc4/clip/model.py `CLIP`, `ResidualAttentionBlock`
 */
export const OPENAI_CLIP_KEYS: readonly KeyRule[] = [
  { part: 'clip_embedding', slot: 'token', from: 'token_embedding.weight' },
  { part: 'clip_embedding', slot: 'position', from: 'positional_embedding' },
  ...affine(CLIP, 'norm1', `${OPENAI_BLOCK}.ln_1`),
  ...['q', 'k', 'v'].flatMap((each) =>
    ['weight', 'bias'].map(
      (end): KeyRule => ({
        part: CLIP,
        slot: `${each}.${end}`,
        from: `${OPENAI_BLOCK}.attn.in_proj_${end}`,
        cut: 'rows',
      }),
    ),
  ),
  ...layers(CLIP, `${OPENAI_BLOCK}.`, { out: 'attn.out_proj', fc1: 'mlp.c_fc', fc2: 'mlp.c_proj' }),
  ...affine(CLIP, 'norm2', `${OPENAI_BLOCK}.ln_2`),
  ...affine('clip_final', 'norm', 'ln_final'),
];

const T5 = 't5_layer.{i}';
const T5_BLOCK = 'encoder.block.{i}.layer';

/** T5EncoderModel → parts. Only block 0 has the bias table, and all layers share it. */
export const T5_KEYS: readonly KeyRule[] = [
  { part: 't5_embedding', slot: 'token', from: 'shared.weight' },
  {
    part: 't5_embedding',
    slot: 'position_bias',
    from: 'encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight',
  },
  ...weights(T5, `${T5_BLOCK}.0.SelfAttention.`, {
    'q.weight': 'q',
    'k.weight': 'k',
    'v.weight': 'v',
    'o.weight': 'o',
  }),
  ...weights(T5, `${T5_BLOCK}.1.DenseReluDense.`, { 'wi_0.weight': 'wi_0', 'wi_1.weight': 'wi_1', 'wo.weight': 'wo' }),
  ...weights(T5, T5_BLOCK, { 'attn_norm.scale': '.0.layer_norm', 'ff_norm.scale': '.1.layer_norm' }),
  { part: 't5_final', slot: 'norm.scale', from: 'encoder.final_layer_norm.weight' },
];

/**
 * llama.cpp's names of T5's encoder → parts.
 * @see https://github.com/ggml-org/llama.cpp/blob/ef035f7/gguf-py/gguf/constants.py `MODEL_ARCH.T5ENCODER`
 */
export const T5_GGUF_KEYS: readonly KeyRule[] = [
  { part: 't5_embedding', slot: 'token', from: 'token_embd.weight' },
  { part: 't5_embedding', slot: 'position_bias', from: 'enc.blk.0.attn_rel_b.weight' },
  ...weights(T5, 'enc.blk.{i}.attn_', { 'q.weight': 'q', 'k.weight': 'k', 'v.weight': 'v', 'o.weight': 'o' }),
  ...weights(T5, 'enc.blk.{i}.ffn_', { 'wi_0.weight': 'gate', 'wi_1.weight': 'up', 'wo.weight': 'down' }),
  ...weights(T5, 'enc.blk.{i}.', { 'attn_norm.scale': 'attn_norm', 'ff_norm.scale': 'ffn_norm' }),
  { part: 't5_final', slot: 'norm.scale', from: 'enc.output_norm.weight' },
];
