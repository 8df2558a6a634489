import type { ClipConfig, T5Config } from '@flux-srpo/core';
import type { GraphBuilder } from './graph-builder.ts';
import { add, attention, geluTanh, layerNorm, rmsNorm } from './ops.ts';

/**
 * One T5 encoder layer: x += o(attn(RMS(x))); x += wo(gelu(wi_0·h) ⊙ wi_1·h). No biases, and scores
 * are not scaled.
 *
 * In half precision only q, k, v, wi_0 and wi_1 are float16. From the gate to `wo`, T5's
 * activations overflow halves (transformers keeps `wo` in float32), and attention scores are not
 * scaled down, so attention, gate, `o` and `wo` stay float32.
 * @see https://github.com/huggingface/transformers/blob/v5.18.0/src/transformers/models/t5/modeling_t5.py `T5Block`
 */
export function t5Layer(g: GraphBuilder, config: T5Config): void {
  const inner = config.num_heads * config.d_kv;
  const options = { bias: false, tensorClass: 't5' } as const;
  const hidden = g.input('hidden', [1, 'S', config.d_model]);
  const bias = g.input('position_bias', [1, config.num_heads, 'S', 'S']);

  const normed = g.narrow(rmsNorm(g, 'attn_norm', hidden, config.layer_norm_epsilon));
  const q = g.widen(g.linear('q', normed, inner, options));
  const k = g.widen(g.linear('k', normed, inner, options));
  const v = g.widen(g.linear('v', normed, inner, options));
  const mixed = attention(g, q, k, v, { heads: config.num_heads, scale: 1, bias });
  const attended = add(g, hidden, g.linear('o', mixed, config.d_model, options));

  const h = g.narrow(rmsNorm(g, 'ff_norm', attended, config.layer_norm_epsilon));
  const gate = geluTanh(g, g.widen(g.linear('wi_0', h, config.d_ff, options)));
  const gated = g.node('Mul', [gate, g.widen(g.linear('wi_1', h, config.d_ff, options))], gate.dims);
  // `wo` meets T5's largest activations. Its own class lets a recipe keep more bits.
  const out = g.linear('wo', gated, config.d_model, { bias: false, tensorClass: 't5_wo' });
  g.output('hidden_out', add(g, attended, out));
}

export function t5Final(g: GraphBuilder, config: T5Config): void {
  const hidden = g.input('hidden', [1, 'S', config.d_model]);
  g.output('prompt_embeds', rmsNorm(g, 'norm', hidden, config.layer_norm_epsilon));
}

/**
 * One CLIP text layer, pre-norm, causal through `causal_mask`.
 * @see https://github.com/huggingface/transformers/blob/v5.18.0/src/transformers/models/clip/modeling_clip.py `CLIPEncoderLayer`
 */
export function clipLayer(g: GraphBuilder, config: ClipConfig): void {
  const width = config.hidden_size;
  const options = { tensorClass: 'clip' } as const;
  const hidden = g.input('hidden', [1, 'S', width]);
  const mask = g.input('causal_mask', [1, 1, 'S', 'S']);

  const normed = layerNorm(g, 'norm1', hidden, config.layer_norm_eps);
  const q = g.linear('q', normed, width, options);
  const k = g.linear('k', normed, width, options);
  const v = g.linear('v', normed, width, options);
  const mixed = attention(g, q, k, v, { heads: config.num_attention_heads, bias: mask });
  const attended = add(g, hidden, g.linear('out', mixed, width, options));

  const inner = g.linear(
    'fc1',
    layerNorm(g, 'norm2', attended, config.layer_norm_eps),
    config.intermediate_size,
    options,
  );
  const activated =
    config.hidden_act === 'quick_gelu'
      ? g.contrib('QuickGelu', [inner], inner.dims, { alpha: 1.702 })
      : g.node('Gelu', [inner], inner.dims, { approximate: 'none' });
  g.output('hidden_out', add(g, attended, g.linear('fc2', activated, width, options)));
}

export function clipFinal(g: GraphBuilder, config: ClipConfig): void {
  const hidden = g.input('hidden', [1, 'S', config.hidden_size]);
  g.output('normed', layerNorm(g, 'norm', hidden, config.layer_norm_eps));
}
