import {
  fluxSigmas,
  modelTimestep,
  packLatents,
  ropeTables,
  sinusoidalEmbedding,
  t5Bucket,
  toRgb8,
  unpackLatents,
} from '@flux-srpo/core';
import { beforeAll, describe, expect, it } from 'vitest';
import '../support/allclose.ts';
import { type ExpectedTensor, readTensors } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';

// Oracle of this file: single functions of diffusers and transformers, written by
// test/reference/hf_oracles.py.

let oracle: Map<string, ExpectedTensor>;
beforeAll(async () => {
  oracle = await readTensors(readNodeFixture, 'oracles/functions.safetensors');
});
const floats = (name: string) => oracle.get(name)!.data as Float32Array;

interface SigmaCase {
  scheduler: { use_dynamic_shifting: boolean; base_shift: number; max_shift: number; shift: number };
  steps: number;
  tokens: number;
  sigmas: number[];
}

describe('fluxSigmas', () => {
  it('equals FlowMatchEulerDiscreteScheduler to one unit in the last place', async () => {
    const { sigmas } = JSON.parse(new TextDecoder().decode(await readNodeFixture('oracles/functions.json'))) as {
      sigmas: SigmaCase[];
    };
    for (const { scheduler, steps, tokens, sigmas: expected } of sigmas) {
      const config = { ...scheduler, base_image_seq_len: 256, max_image_seq_len: 4096 };
      const actual = fluxSigmas(steps, tokens, config);
      // One unit in the last place of a float32 is at most 2^-23 of it. numpy's divisions may round
      // differently by that much.
      expect(actual, `${steps} steps, ${tokens} tokens`).toBeAllclose(expected, { atol: 0, rtol: 2 ** -23 });
      expect(actual.at(-1)).toBe(0);
    }
  });
});

describe('sinusoidalEmbedding', () => {
  // The argument reaches 1000 rad, where float32 has steps of 6e-5. The frequencies are rounded
  // alike, so only cos and sin differ.
  const ROUNDING = { atol: 1e-6, rtol: 0 };

  it('equals diffusers for the sigmas of a run, after the pipeline and the model have scaled them', () => {
    const given = Array.from(floats('timestep.sigmas'), modelTimestep);
    expect(given).toEqual([...floats('timestep.given')]);
    expect(sinusoidalEmbedding(given)).toBeAllclose(floats('timestep.embedding'), ROUNDING);
  });

  it('equals diffusers for guidance, which is multiplied by 1000 as timesteps are', () => {
    expect(sinusoidalEmbedding([...floats('guidance.values')])).toBeAllclose(floats('guidance.embedding'), ROUNDING);
  });
});

describe('t5Bucket', () => {
  it.each([
    [32, 128],
    [16, 20],
    [64, 300],
  ])('equals transformers at every distance for %i buckets up to %i', (buckets, far) => {
    const config = { relative_attention_num_buckets: buckets, relative_attention_max_distance: far };
    const distances = oracle.get('t5_bucket.distances')!.data;
    const actual = Array.from(distances, (distance) => t5Bucket(distance, config));
    expect(actual).toEqual([...oracle.get(`t5_bucket.${buckets}.${far}`)!.data]);
  });
});

describe('ropeTables', () => {
  it.each([
    [[4, 14, 14], 3, 5],
    [[8, 28, 28], 4, 3],
    [[16, 56, 56], 2, 7],
  ] as const)('equals FluxPosEmbed for axes %j on a grid of %i × %i', (axes, height, width) => {
    const name = `rope.${axes.join('-')}.${height}x${width}`;
    const { cos, sin } = ropeTables({ height, width }, axes);
    // Both compute in float64 and round once. The power may differ in its last bit.
    const rounding = { atol: 6e-8, rtol: 6e-8 };
    expect(cos).toBeAllclose(floats(`${name}.cos`), rounding);
    expect(sin).toBeAllclose(floats(`${name}.sin`), rounding);
  });
});

describe('toRgb8', () => {
  it('rounds as VaeImageProcessor does at every half-way point and beside it', () => {
    const values = floats('pixels.values');
    const size = { width: values.length, height: 1 };
    const planar = new Float32Array([...values, ...values, ...values]);
    const red = toRgb8(planar, size).filter((_, i) => i % 3 === 0);
    expect([...red]).toEqual([...oracle.get('pixels.bytes')!.data]);
  });
});

describe('packLatents', () => {
  const grid = { height: 6, width: 10 };
  const index = Float32Array.from({ length: 16 * 6 * 10 }, (_, i) => i);

  it('puts every value where _pack_latents does: tokens by rows, features by (c, ph, pw)', () => {
    expect([...packLatents(index, 16, grid)]).toEqual([...oracle.get('pack.16x6x10')!.data]);
  });

  it('is undone by unpackLatents', () => {
    expect(unpackLatents(packLatents(index, 16, grid), 16, grid)).toEqual(index);
  });
});
