import type { T5Config } from '../model/config.ts';
import { t5Bucket } from './t5-bucket.ts';

type BucketConfig = Pick<T5Config, 'num_heads' | 'relative_attention_num_buckets' | 'relative_attention_max_distance'>;

/**
 * T5's relative position bias, added to the attention scores of every encoder layer.
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
