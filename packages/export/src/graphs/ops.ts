import { mlpChunks, type TensorClass } from '@flux-srpo/core';
import type { GraphBuilder, LinearOptions } from './graph-builder.ts';
import type { Dim, Value } from './node-builder.ts';

/** x·sigmoid(x) */
export function silu(g: GraphBuilder, x: Value): Value {
  return g.node('Mul', [x, g.node('Sigmoid', [x], x.dims)], x.dims);
}

/** GELU in its tanh approximation: FLUX and T5 v1.1 were trained with it. */
export function geluTanh(g: GraphBuilder, x: Value): Value {
  return g.node('Gelu', [x], x.dims, { approximate: 'tanh' });
}

export function add(g: GraphBuilder, a: Value, b: Value): Value {
  return g.node('Add', [a, b], a.dims);
}

/** x / rms(x) · scale over the last axis, without mean and bias: T5's norms, q's and k's. */
export function rmsNorm(g: GraphBuilder, name: string, x: Value, epsilon: number): Value {
  const width = x.dims.at(-1) as number;
  const scale = g.plain(`${name}.scale`, [width], 'norm', x.dtype === 'float16' ? 'float16' : 'float32');
  // In half precision only the result is rounded: the kernels sum in float32 (ONNX's stash_type).
  return g.node('RMSNormalization', [x, scale], x.dims, { axis: -1, epsilon });
}

/** LayerNorm with learned scale and bias. */
export function layerNorm(g: GraphBuilder, name: string, x: Value, epsilon: number): Value {
  const width = x.dims.at(-1) as number;
  const scale = g.plain(`${name}.scale`, [width], 'norm');
  const bias = g.plain(`${name}.bias`, [width], 'norm');
  return g.node('LayerNormalization', [x, scale, bias], x.dims, { axis: -1, epsilon });
}

/** adaLN as LayerNormalization's own affine: normed·(1 + scale) + shift. */
export function adaLayerNorm(g: GraphBuilder, x: Value, shift: Value, onePlusScale: Value): Value {
  return g.node('LayerNormalization', [x, onePlusScale, shift], x.dims, { axis: -1, epsilon: 1e-6 });
}

/** Cuts a modulation row [k·H] into k vectors of [H]. */
export function cutModulation(g: GraphBuilder, row: Value, count: number): Value[] {
  const width = (row.dims[0] as number) / count;
  return g.nodes(
    'Split',
    [row],
    Array.from({ length: count }, () => [width]),
    { axis: 0, num_outputs: count },
  );
}

/** x + gate·branch, the gate a vector [H] for all tokens, the branch of {@link linearToStream}. */
export function gatedResidual(g: GraphBuilder, x: Value, gate: Value, branch: Value): Value {
  const whole = branch.dtype === 'float32' ? gate : g.times(gate, HEADROOM);
  return add(g, x, g.node('Mul', [g.widen(branch), whole], x.dims));
}

/** The image tokens of [text, image]. */
export function imageTokens(g: GraphBuilder, hidden: Value, textLength: Value): Value {
  const end = g.constant('slice_end', 'int64', [1], [2 ** 31 - 1]);
  const axis = g.constant('slice_axis', 'int64', [1], [1]);
  return g.node('Slice', [hidden, textLength, end, axis], [1, 'S_img', hidden.dims[2] as Dim]);
}

/** RMSNorm of q or k over each head's dimensions. x: [1, S, heads·D]. */
export function headNorm(g: GraphBuilder, name: string, x: Value, heads: number): Value {
  const [batch, tokens, width] = x.dims as [Dim, Dim, number];
  const headDim = width / heads;
  const perHead = g.reshape(x, [0, 0, heads, headDim], [batch, tokens, heads, headDim]);
  return g.reshape(rmsNorm(g, name, perHead, 1e-6), [0, 0, width], x.dims);
}

/** Rotates interleaved pairs (2k, 2k+1) of each head. x: [1, S, heads·D]; cos, sin: [1, S, D/2]. */
export function rotary(g: GraphBuilder, x: Value, cos: Value, sin: Value, heads: number): Value {
  return g.node('RotaryEmbedding', [x, cos, sin], x.dims, { interleaved: 1, num_heads: heads });
}

export interface AttentionOptions {
  heads: number;
  /** Default 1/√D. */
  scale?: number;
  /** Added to the scores, [1, heads or 1, S_q, S_k]. */
  bias?: Value;
}

/**
 * softmax(q·kᵀ·scale + bias)·v per head, without mask. q: [1, S_q, heads·D]; k, v: [1, S_k,
 * heads·D].
 */
export function attention(g: GraphBuilder, q: Value, k: Value, v: Value, options: AttentionOptions): Value {
  const inputs = options.bias ? [q, k, v, '', '', options.bias] : [q, k, v];
  const attributes = { num_heads: options.heads, ...(options.scale === undefined ? {} : { scale: options.scale }) };
  return g.contrib('MultiHeadAttention', inputs, q.dims, attributes);
}

/**
 * Halves end at 65504, and some of FLUX's branches go beyond; diffusers clips there. In half
 * precision a branch is a sixteenth of itself until its gate, in float32, makes it whole: that
 * changes only exponents.
 * @see https://github.com/huggingface/diffusers/blob/004f1e8c/src/diffusers/models/transformers/transformer_flux.py
 */
const HEADROOM = 16;

/** A linear layer of a branch that joins the residual stream: a sixteenth of it in halves. */
export function linearToStream(
  g: GraphBuilder,
  name: string,
  x: Value,
  features: number,
  options: LinearOptions,
): Value {
  return g.linear(name, x, features, x.dtype === 'float32' ? options : { ...options, scale: 1 / HEADROOM });
}

/**
 * Σ over chunks c of W_out.c·gelu(W_in.c·x + b_in.c), plus the output's bias once when `bias` is
 * set. A branch, as of {@link linearToStream}.
 */
export function chunkedMlp(
  g: GraphBuilder,
  x: Value,
  names: { in: string; out: string },
  hidden: number,
  options: { bias: boolean; tensorClass: TensorClass },
): Value {
  const width = x.dims.at(-1) as number;
  const { tensorClass } = options;
  return mlpChunks(hidden)
    .map((chunk, index) => {
      const inner = geluTanh(g, g.linear(`${names.in}${chunk.suffix}`, x, chunk.width, { tensorClass }));
      const bias = options.bias && index === 0;
      return linearToStream(g, `${names.out}${chunk.suffix}`, inner, width, { tensorClass, bias });
    })
    .reduce((sum, part) => add(g, sum, part));
}
