import { describe, expect, it } from 'vitest';
import { bucketBytes, pooledBytes } from './buffer-buckets.ts';

describe('work buffers', () => {
  it('are rounded up as the runtime does', () => {
    // Oracle: buffer sizes seen in onnxruntime-web 1.30 (28.3, 56.6, 85, 113.2 and 150 MB asked
    // for); above 167.8 MB they are exact.
    const rounded = [28_311_552, 56_623_104, 85e6, 113_246_208, 150e6, 188_743_680].map(bucketBytes);
    expect(rounded).toEqual([33_554_432, 58_982_400, 134_217_728, 134_217_728, 167_772_160, 188_743_680]);
    expect([bucketBytes(64), bucketBytes(65)]).toEqual([64, 128]);
  });

  it('are shared by graphs that run one after another', () => {
    expect(pooledBytes([[[2, 100]], [[3, 128]], [[1, 60]]])).toBe(3 * 128 + 64);
    // Not pooled beyond 167.8 MB.
    expect(pooledBytes([[[2, 1e9]], [[1, 2.5e9]], [[1, 60]]])).toBe(2.5e9 + 64);
  });
});
