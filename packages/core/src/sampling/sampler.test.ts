import { describe, expect, it } from 'vitest';
import { eulerStep, predictX0 } from './sampler.ts';

function hex(values: Float32Array): string {
  return Array.from(new Uint32Array(values.slice().buffer), (bits) => bits.toString(16).padStart(8, '0')).join(' ');
}

describe('eulerStep', () => {
  // FlowMatchEulerDiscreteScheduler.step twice, same velocity — diffusers 0.42.1, torch 2.13.0;
  // every bit
  it('equals two steps of diffusers', () => {
    const sigmas = [1, 0.91847163438797, 0.8243773579597473] as const;
    const velocity = new Float32Array([0.3, 0.9, -1.7, 123.456]);
    const first = eulerStep(new Float32Array([1.1, -2.3, 0.7, 1e-3]), velocity, sigmas[0], sigmas[1]);
    expect(hex(first)).toBe('3f89ab58 c017e562 3f56ae5f c12106d3');
    expect(hex(eulerStep(first, velocity, sigmas[1], sigmas[2]))).toBe('3f860e5c c01d50dc 3f7fa187 c1ad7202');
  });

  it('leaves its inputs alone and refuses arrays of different length', () => {
    const latents = new Float32Array([1, 2]);
    eulerStep(latents, new Float32Array([3, 4]), 1, 0.5);
    expect([...latents]).toEqual([1, 2]);
    expect(() => eulerStep(latents, new Float32Array(3), 1, 0.5)).toThrow(RangeError);
  });
});

describe('predictX0', () => {
  it('gives back the picture: x = (1 − σ)·picture + σ·noise, velocity = noise − picture', () => {
    const [picture, noise, sigma] = [0.25, -1.5, 0.75]; // exact in float32
    const x = (1 - sigma) * picture + sigma * noise;
    expect([...predictX0(new Float32Array([x]), new Float32Array([noise - picture]), sigma)]).toEqual([picture]);
  });

  it('is where an Euler step to σ = 0 ends', () => {
    const x = new Float32Array([0.3, -2, 5]);
    const velocity = new Float32Array([1, 0.125, -3]);
    expect(predictX0(x, velocity, 0.6)).toEqual(eulerStep(x, velocity, 0.6, 0));
  });
});
