import type { T5Config } from './config.ts';

/**
 * The share of a T5 layer's weights that its graph in half precision takes as float32: `o` and
 * `wo`, of q, k, v, o, wi_0, wi_1 and wo. T5's activations overflow halves from the gate to `wo`,
 * and its scores are not scaled down.
 */
export function t5FloatShare({ d_ff, d_kv, num_heads }: T5Config): number {
  const inner = num_heads * d_kv;
  return (inner + d_ff) / (4 * inner + 3 * d_ff);
}
