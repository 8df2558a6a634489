import { isFluxError } from '@flux-srpo/core';
import type { HostTensor, Stage } from '@flux-srpo/runtime';
import { expect } from 'vitest';
import { quantizedLinear } from '../../packages/runtime/src/ort/kernel-formulas.ts';
import { kernelGraph } from '../../packages/runtime/src/ort/kernel-graph.ts';

/**
 * One small graph, a 4-bit linear layer, whose weights are uploaded as the model's are. Oracle:
 * plain loops in float64.
 */

/** float32 sums of 64 products in another order. */
export const RELATIVE = 1e-5;

const K = 64;
const N = 64;
const ROWS = 5;

const weight = Uint8Array.from({ length: N * (K / 2) }, (_, i) => (i * 37) & 255);
const scales = Float32Array.from({ length: N * (K / 32) }, (_, i) => 0.01 + (i % 7) / 500);
const bias = Float32Array.from({ length: N }, (_, i) => i / N - 0.5);
export const WEIGHT_BYTES = weight.byteLength + scales.byteLength + bias.byteLength;

const x = Float32Array.from({ length: ROWS * K }, (_, i) => Math.sin(i));

const once = quantizedLinear(x, { weight, scales, bias, inFeatures: K, bits: 4 });
export const twice = quantizedLinear(once, { weight, scales, bias, inFeatures: K, bits: 4 });

export const host: Record<string, HostTensor> = {
  x: { dtype: 'float32', dims: [1, ROWS, K], data: x },
  weight: { dtype: 'uint8', dims: [N, K / 32, 16], data: weight },
  scales: { dtype: 'float32', dims: [N, K / 32], data: scales },
  bias: { dtype: 'float32', dims: [N], data: bias },
};

export const graph = async () =>
  kernelGraph(
    {
      op: 'MatMulNBits',
      contrib: true,
      inputs: ['x', 'weight', 'scales', '', '', 'bias'],
      attributes: { K, N, bits: 4, block_size: 32 },
    },
    host,
    [1, ROWS, N],
  );

/** Uploads in two pieces, the second of them first. */
export async function upload(stage: Stage, name: string) {
  const { dtype, dims, data } = host[name]!;
  const bytes = new Uint8Array(data.buffer as ArrayBuffer);
  const half = Math.ceil(bytes.length / 8) * 4;
  return stage.upload(dtype, dims, async (write) => {
    write(half, bytes.subarray(half));
    write(0, bytes.subarray(0, half));
  });
}

/** The linear applied twice, the first result staying on the device. */
export async function runTwice(stage: Stage): Promise<Float32Array> {
  const session = await stage.session('linear', graph);
  const weights = {
    weight: await upload(stage, 'weight'),
    scales: await upload(stage, 'scales'),
    bias: await upload(stage, 'bias'),
  };
  const first = await stage.run(session, { x: host.x!, ...weights });
  const second = await stage.run(session, { x: first.y!, ...weights });
  first.y!.dispose();
  return stage.read(second.y!);
}

export function relativeError(got: Float32Array, want: Float32Array): number {
  expect(got).toHaveLength(want.length);
  const largest = want.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return want.reduce((max, value, i) => Math.max(max, Math.abs(value - got[i]!)), 0) / largest;
}

/** The code of the typed error that `promise` rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isFluxError(error)) throw error ?? new Error('expected a rejection');
  return error.code;
}

/** A ledger after everything has been given back. */
export const NOTHING = { devices: 0, sessions: 0, tensors: 0, buffers: 0, bytes: 0, weightBytes: 0 };
