import { describe, expect, it } from 'vitest';
import { FLUX1_DEV } from '../model/flux1-dev.ts';
import { t5Bucket } from './t5-bucket.ts';
import { t5PositionBias } from './t5-position.ts';

const config = FLUX1_DEV.text_encoder_2;

describe('t5Bucket', () => {
  // transformers, _relative_position_bucket(bidirectional=True, num_buckets=32, max_distance=128)
  const ranges = [
    [8, 8, 11],
    [9, 12, 15],
    [10, 16, 22],
    [11, 23, 31],
    [12, 32, 45],
    [13, 46, 63],
    [14, 64, 90],
    [15, 91, 600],
  ] as const;

  it.each(ranges)(
    'puts bucket %i at distances %i to %i, and 16 higher for keys after the query',
    (bucket, from, to) => {
      for (let distance = from; distance <= to; distance++) {
        expect(t5Bucket(-distance, config)).toBe(bucket);
        expect(t5Bucket(distance, config)).toBe(bucket + 16);
      }
    },
  );

  it('keeps near distances apart', () => {
    expect([-2, -1, 0, 1, 2].map((distance) => t5Bucket(distance, config))).toEqual([2, 1, 0, 17, 18]);
  });
});

describe('t5PositionBias', () => {
  const small = { ...config, num_heads: 3 };
  const table = Float32Array.from({ length: 32 * 3 }, (_, i) => i); // value = bucket · 3 + head

  it('reads [bucket, head] into [head, query, key], key − query deciding the side', () => {
    const bias = t5PositionBias(table, 5, small);
    const at = (head: number, query: number, key: number) => bias[(head * 5 + query) * 5 + key];
    expect(at(2, 1, 4)).toBe(19 * 3 + 2); // key three after query: 16 + 3
    expect(at(2, 4, 1)).toBe(3 * 3 + 2);
    expect(at(1, 3, 3)).toBe(1);
    expect(bias).toHaveLength(3 * 5 * 5);
  });

  it('refuses a table of another size', () => {
    expect(() => t5PositionBias(table.subarray(1), 5, small)).toThrow(RangeError);
  });
});
