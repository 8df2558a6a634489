import type { ClipConfig, T5Config } from '@flux-srpo/core';
import type { ConfigFields } from './fields.ts';

/**
 * `eos_token_id` in old CLIP configs. With it, the end of the text is the prompt's largest id
 * (transformers #24773).
 */
const LEGACY_EOS = 2;

/**
 * `text_encoder/config.json` of a CLIPTextModel.
 *
 * @param tokenizerEos the id that the tokenizer ends a prompt with
 * @see https://github.com/huggingface/transformers/blob/v5.18.0/src/transformers/models/clip/modeling_clip.py `eos_token_id == 2`
 */
export function readClipConfig(fields: ConfigFields, tokenizerEos: number): ClipConfig {
  fields.oneOf('model_type', ['clip_text_model'], 'clip_text_model');
  const vocabSize = fields.dimension('vocab_size');
  const hidden = fields.dimension('hidden_size');
  const heads = fields.count('num_attention_heads');
  if (hidden % heads !== 0) fields.refuse('hidden_size', `a multiple of num_attention_heads ${heads}`, hidden);
  const eos = fields.id('eos_token_id', LEGACY_EOS);
  // The old rule reads at the largest id, which is the end of the text only where no id is larger.
  if (eos === LEGACY_EOS && tokenizerEos !== vocabSize - 1) {
    fields.refuse(
      'eos_token_id',
      `the tokenizer's ${tokenizerEos}, since that is not the last of ${vocabSize} ids`,
      eos,
    );
  }
  if (eos !== LEGACY_EOS && eos !== tokenizerEos) fields.refuse('eos_token_id', `the tokenizer's ${tokenizerEos}`, eos);
  return {
    vocab_size: vocabSize,
    hidden_size: hidden,
    intermediate_size: fields.dimension('intermediate_size'),
    num_hidden_layers: fields.count('num_hidden_layers'),
    num_attention_heads: heads,
    max_position_embeddings: fields.dimension('max_position_embeddings', 77),
    layer_norm_eps: fields.positive('layer_norm_eps', 1e-5),
    hidden_act: fields.oneOf('hidden_act', ['quick_gelu', 'gelu'], 'quick_gelu'),
    eos_token_id: tokenizerEos,
  };
}

/**
 * `text_encoder_2/config.json` of a T5EncoderModel, version 1.1 (gated tanh GELU).
 *
 * @see https://github.com/huggingface/transformers/blob/v5.18.0/src/transformers/models/t5/configuration_t5.py
 */
export function readT5Config(fields: ConfigFields): T5Config {
  fields.oneOf('model_type', ['t5'], 't5');
  fields.oneOf('feed_forward_proj', ['gated-gelu']);
  fields.oneOf('is_gated_act', [true], true);
  return {
    vocab_size: fields.dimension('vocab_size'),
    d_model: fields.dimension('d_model'),
    d_kv: fields.dimension('d_kv'),
    d_ff: fields.dimension('d_ff'),
    num_layers: fields.count('num_layers'),
    num_heads: fields.count('num_heads'),
    relative_attention_num_buckets: fields.dimension('relative_attention_num_buckets', 32),
    relative_attention_max_distance: fields.dimension('relative_attention_max_distance', 128),
    layer_norm_epsilon: fields.positive('layer_norm_epsilon', 1e-6),
    // transformers writes `gelu_new` beside every `gated-gelu`.
    dense_act_fn: fields.oneOf('dense_act_fn', ['gelu_new'], 'gelu_new'),
  };
}
