import { affine, type KeyRule, layer } from './rules.ts';

const CLIP_LAYER = 'encoder.layers.{i}';
const T5_BLOCK = 'encoder.block.{i}';

/** CLIPTextModel → parts, without the `text_model.` that transformers before 5 puts in front. */
export const CLIP_KEYS: readonly KeyRule[] = [
  { part: 'clip_embedding', slot: 'token', from: 'embeddings.token_embedding.weight' },
  { part: 'clip_embedding', slot: 'position', from: 'embeddings.position_embedding.weight' },
  ...affine('clip_layer.{i}', 'norm1', `${CLIP_LAYER}.layer_norm1`),
  ...layer('clip_layer.{i}', 'q', `${CLIP_LAYER}.self_attn.q_proj`),
  ...layer('clip_layer.{i}', 'k', `${CLIP_LAYER}.self_attn.k_proj`),
  ...layer('clip_layer.{i}', 'v', `${CLIP_LAYER}.self_attn.v_proj`),
  ...layer('clip_layer.{i}', 'out', `${CLIP_LAYER}.self_attn.out_proj`),
  ...affine('clip_layer.{i}', 'norm2', `${CLIP_LAYER}.layer_norm2`),
  ...layer('clip_layer.{i}', 'fc1', `${CLIP_LAYER}.mlp.fc1`),
  ...layer('clip_layer.{i}', 'fc2', `${CLIP_LAYER}.mlp.fc2`),
  ...affine('clip_final', 'norm', 'final_layer_norm'),
];

const OPENAI_BLOCK = 'transformer.resblocks.{i}';

/**
 * OpenAI's CLIP → parts: q, k and v are rows of one tensor, in this order.
 *
 * @see https://github.com/openai/CLIP/blob/d05afc4/clip/model.py `CLIP`, `ResidualAttentionBlock`
 */
export const OPENAI_CLIP_KEYS: readonly KeyRule[] = [
  { part: 'clip_embedding', slot: 'token', from: 'token_embedding.weight' },
  { part: 'clip_embedding', slot: 'position', from: 'positional_embedding' },
  ...affine('clip_layer.{i}', 'norm1', `${OPENAI_BLOCK}.ln_1`),
  ...['q', 'k', 'v'].flatMap((each) =>
    ['weight', 'bias'].map(
      (end): KeyRule => ({
        part: 'clip_layer.{i}',
        slot: `${each}.${end}`,
        from: `${OPENAI_BLOCK}.attn.in_proj_${end}`,
        cut: 'rows',
      }),
    ),
  ),
  ...layer('clip_layer.{i}', 'out', `${OPENAI_BLOCK}.attn.out_proj`),
  ...affine('clip_layer.{i}', 'norm2', `${OPENAI_BLOCK}.ln_2`),
  ...layer('clip_layer.{i}', 'fc1', `${OPENAI_BLOCK}.mlp.c_fc`),
  ...layer('clip_layer.{i}', 'fc2', `${OPENAI_BLOCK}.mlp.c_proj`),
  ...affine('clip_final', 'norm', 'ln_final'),
];

function t5Weight(slot: string, from: string): KeyRule {
  return { part: 't5_layer.{i}', slot, from: `${T5_BLOCK}.${from}.weight` };
}

/** T5EncoderModel → parts. Only block 0 has the bias table, and all layers share it. */
export const T5_KEYS: readonly KeyRule[] = [
  { part: 't5_embedding', slot: 'token', from: 'shared.weight' },
  {
    part: 't5_embedding',
    slot: 'position_bias',
    from: 'encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight',
  },
  t5Weight('attn_norm.scale', 'layer.0.layer_norm'),
  t5Weight('q.weight', 'layer.0.SelfAttention.q'),
  t5Weight('k.weight', 'layer.0.SelfAttention.k'),
  t5Weight('v.weight', 'layer.0.SelfAttention.v'),
  t5Weight('o.weight', 'layer.0.SelfAttention.o'),
  t5Weight('ff_norm.scale', 'layer.1.layer_norm'),
  t5Weight('wi_0.weight', 'layer.1.DenseReluDense.wi_0'),
  t5Weight('wi_1.weight', 'layer.1.DenseReluDense.wi_1'),
  t5Weight('wo.weight', 'layer.1.DenseReluDense.wo'),
  { part: 't5_final', slot: 'norm.scale', from: 'encoder.final_layer_norm.weight' },
];

function ggufWeight(slot: string, from: string): KeyRule {
  return { part: 't5_layer.{i}', slot, from: `enc.blk.{i}.${from}.weight` };
}

/**
 * llama.cpp's names of T5's encoder → parts.
 *
 * @see https://github.com/ggml-org/llama.cpp/blob/ef035f7/gguf-py/gguf/constants.py
 *   `MODEL_ARCH.T5ENCODER`
 */
export const T5_GGUF_KEYS: readonly KeyRule[] = [
  { part: 't5_embedding', slot: 'token', from: 'token_embd.weight' },
  { part: 't5_embedding', slot: 'position_bias', from: 'enc.blk.0.attn_rel_b.weight' },
  ggufWeight('attn_norm.scale', 'attn_norm'),
  ggufWeight('q.weight', 'attn_q'),
  ggufWeight('k.weight', 'attn_k'),
  ggufWeight('v.weight', 'attn_v'),
  ggufWeight('o.weight', 'attn_o'),
  ggufWeight('ff_norm.scale', 'ffn_norm'),
  ggufWeight('wi_0.weight', 'ffn_gate'),
  ggufWeight('wi_1.weight', 'ffn_up'),
  ggufWeight('wo.weight', 'ffn_down'),
  { part: 't5_final', slot: 'norm.scale', from: 'enc.output_norm.weight' },
];
