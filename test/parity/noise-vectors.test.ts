import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { FLUX1_DEV, fluxSigmas, muForTokens, torchRandn } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';

// Larger reference sets, where they lie beside the repository. The committed subsets are in
// packages/core/src/sampling/{noise,schedule}.test.ts.
const DATA = new URL('../../../shared/data/', import.meta.url);

function load<T>(file: string): T | undefined {
  const url = new URL(file, DATA);
  return existsSync(url) ? (JSON.parse(readFileSync(url, 'utf8')) as T) : undefined;
}

const randn = load<{ cases: { seed: number; shape: number[]; sha256: string }[] }>('randn_vectors.json');
const sigmas = load<Record<string, { seq_len: number; mu: number; sigmas_f32: number[] }>>('sigma_vectors.json');

describe('reference vectors beside the repository', () => {
  // torch 2.13.0+cpu, AVX2 and AVX-512
  it('torchRandn equals torch.randn in the SHA-256 of every case', ({ skip }) => {
    if (randn === undefined) return skip('randn_vectors.json is not beside the repository');
    for (const { seed, shape, sha256 } of randn.cases) {
      const noise = torchRandn(
        seed,
        shape.reduce((product, dim) => product * dim, 1),
      );
      expect(createHash('sha256').update(new Uint8Array(noise.buffer)).digest('hex'), `seed ${seed} [${shape}]`).toBe(
        sha256,
      );
    }
    expect(randn.cases.length).toBeGreaterThan(0);
  });

  // diffusers FlowMatchEulerDiscreteScheduler
  it('fluxSigmas equals the scheduler in every bit of every case', ({ skip }) => {
    if (sigmas === undefined) return skip('sigma_vectors.json is not beside the repository');
    for (const [name, { seq_len, mu, sigmas_f32 }] of Object.entries(sigmas)) {
      expect(muForTokens(seq_len, FLUX1_DEV.scheduler), name).toBeCloseTo(mu, 12);
      expect([...fluxSigmas(sigmas_f32.length - 1, seq_len, FLUX1_DEV.scheduler)], name).toEqual(sigmas_f32);
    }
  });
});
