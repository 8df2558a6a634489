import type { T5Config } from '../model/config.ts';

type BucketConfig = Pick<T5Config, 'num_heads' | 'relative_attention_num_buckets' | 'relative_attention_max_distance'>;

const f = Math.fround;

/**
 * T5's relative position bias, added to the attention scores of every encoder layer.
 *
 * @param table `[buckets, heads]`, `relative_attention_bias.weight` of the first layer
 * @param length S; queries and keys alike
 * @returns `[heads, S (query), S (key)]`
 */
export function t5PositionBias(table: Float32Array, length: number, config: BucketConfig): Float32Array<ArrayBuffer> {
  const heads = config.num_heads;
  if (table.length !== config.relative_attention_num_buckets * heads) {
    throw new RangeError(
      `bias table must be [${config.relative_attention_num_buckets}, ${heads}], got ${table.length} values`,
    );
  }
  const bias = new Float32Array(heads * length * length);
  // Every diagonal has one distance: look its bucket up once.
  const buckets = Array.from({ length: 2 * length - 1 }, (_, i) => t5Bucket(i - (length - 1), config));
  for (let head = 0; head < heads; head++) {
    for (let query = 0; query < length; query++) {
      const start = (head * length + query) * length;
      for (let key = 0; key < length; key++) {
        bias[start + key] = table[buckets[key - query + length - 1]! * heads + head]!;
      }
    }
  }
  return bias;
}

/**
 * Bucket of `distance` = key − query, both directions: exact for near tokens, logarithmic for far
 * ones. The logarithm is in float32, as torch computes it.
 *
 * @see https://github.com/huggingface/transformers/blob/v5.18.0/src/transformers/models/t5/modeling_t5.py `_relative_position_bucket`
 */
export function t5Bucket(distance: number, config: Omit<BucketConfig, 'num_heads'>): number {
  const half = Math.floor(config.relative_attention_num_buckets / 2);
  const side = distance > 0 ? half : 0;
  const n = Math.abs(distance);
  const exact = Math.floor(half / 2);
  if (n < exact) return side + n;
  const range = f(Math.log(config.relative_attention_max_distance / exact));
  const far = Math.trunc(f(f(f(Math.log(f(n / exact))) / range) * (half - exact)));
  return side + Math.min(exact + far, half - 1);
}
