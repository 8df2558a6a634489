import type { T5Config } from '../model/config.ts';
import { storedWidth } from '../model/weight-blocks.ts';
import type { BufferCounts } from './buffer-buckets.ts';
import { FLOAT_BYTES, HALF_BYTES, type WorkOptions } from './work-options.ts';

/**
 * Work buffers of a T5 layer where most are alive together: in its attention and in its
 * feed-forward. CLIP's are smaller.
 */
export function textMoments(config: T5Config, { textTokens, f16, offsets }: WorkOptions): BufferCounts[] {
  const stream = textTokens * config.d_model * FLOAT_BYTES;
  const inner = textTokens * config.num_heads * config.d_kv * FLOAT_BYTES;
  const gate = textTokens * config.d_ff * FLOAT_BYTES;
  // In half precision: the normed input, and a linear layer's result before it is float32 again.
  // Where offsets are added, the results before that and the products as well.
  const isAdded = offsets === 'q4k';
  const halved = (bytes: number, count = isAdded ? 3 : 1): BufferCounts =>
    f16 ? [[count, (bytes * HALF_BYTES) / FLOAT_BYTES]] : [];
  const sums = textTokens * storedWidth(config.d_model, 'q4m') * (f16 ? HALF_BYTES : FLOAT_BYTES);
  const copies: BufferCounts = [...halved(stream), ...(offsets === 'q4m' ? [[1, sums] as const] : [])];
  return [
    [[2, stream], [6, inner], ...halved(inner, 1), ...copies],
    [[3, stream], [isAdded && !f16 ? 4 : 3, gate], ...halved(gate), ...copies],
  ];
}

/** Bytes of T5's position bias [heads, S, S], which stays for all layers. */
export function textTables(config: T5Config, { textTokens }: WorkOptions): number {
  return config.num_heads * textTokens * textTokens * FLOAT_BYTES;
}
