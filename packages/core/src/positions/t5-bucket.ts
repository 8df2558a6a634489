import { f } from '../fround.ts';
import type { T5Config } from '../model/config.ts';

type BucketConfig = Pick<T5Config, 'relative_attention_num_buckets' | 'relative_attention_max_distance'>;

/**
 * Bucket of `distance` = key − query, both directions: exact for near tokens, logarithmic for far
 * ones. The logarithm is in float32, as torch computes it.
 * @see https://github.com/huggingface/transformers/blob/v5.18.0/src/transformers/models/t5/modeling_t5.py `_relative_position_bucket`
 */
export function t5Bucket(distance: number, config: BucketConfig): number {
  const half = Math.floor(config.relative_attention_num_buckets / 2);
  const side = distance > 0 ? half : 0;
  const n = Math.abs(distance);
  const exact = Math.floor(half / 2);
  if (n < exact) return side + n;
  const range = f(Math.log(config.relative_attention_max_distance / exact));
  const far = Math.trunc(f(f(f(Math.log(f(n / exact))) / range) * (half - exact)));
  return side + Math.min(exact + far, half - 1);
}
