import type { HostTensor } from './backend.ts';
import * as formulas from './kernel-formulas.ts';
import type { KernelNode } from './kernel-graph.ts';

/** A kernel, and what it is asked. */
export interface Question {
  kernel: string;
  node: KernelNode;
  feeds: Readonly<Record<string, HostTensor>>;
  dims: readonly number[];
  answer: () => Float32Array;
}

/** The same numbers everywhere, in [−1, 1): a linear congruential generator's. */
function noise(seed: number, ...dims: number[]): HostTensor & { data: Float32Array } {
  let state = seed;
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 23 - 1;
  });
  return { dtype: 'float32', dims, data };
}

function integers(...values: number[]): HostTensor {
  return { dtype: 'int64', dims: [values.length], data: BigInt64Array.from(values, BigInt) };
}

export function attention(heads: number, headDim: number, queries: number, keys: number): Question {
  const width = heads * headDim;
  // Scores wide enough that softmax is not flat: a kernel that mixes up keys is far off.
  const q = noise(1, 1, queries, width);
  q.data.forEach((value, i) => {
    q.data[i] = value * 4;
  });
  const k = noise(2, 1, keys, width);
  const v = noise(3, 1, keys, width);
  return {
    kernel: `attention ${heads}x${headDim}, ${queries} queries, ${keys} keys`,
    node: { op: 'MultiHeadAttention', contrib: true, inputs: ['q', 'k', 'v'], attributes: { num_heads: heads } },
    feeds: { q, k, v },
    dims: q.dims,
    answer: () => formulas.attention(q.data, k.data, v.data, heads, headDim),
  };
}

export function quantizedLinear(bits: 4 | 8, rows: number, inFeatures: number, features: number): Question {
  const x = noise(4, 1, rows, inFeatures);
  const codes = noise(5, features, inFeatures / 32, 4 * bits);
  const weight = Uint8Array.from(codes.data, (value) => (value + 1) * 128);
  const scales = noise(6, features, inFeatures / 32);
  const bias = noise(7, features);
  return {
    kernel: `q${bits} linear [${rows}, ${inFeatures}] to ${features}`,
    node: {
      op: 'MatMulNBits',
      contrib: true,
      inputs: ['x', 'weight', 'scales', '', '', 'bias'],
      attributes: { K: inFeatures, N: features, bits, block_size: 32 },
    },
    feeds: { x, weight: { dtype: 'uint8', dims: codes.dims, data: weight }, scales, bias },
    dims: [1, rows, features],
    answer: () => formulas.quantizedLinear(x.data, { weight, scales: scales.data, bias: bias.data, inFeatures, bits }),
  };
}

export function linear(): Question {
  const x = noise(8, 1, 70, 192);
  const w = noise(9, 192, 128);
  return {
    kernel: 'linear [70, 192] to 128',
    node: { op: 'MatMul', inputs: ['x', 'w'] },
    feeds: { x, w },
    dims: [1, 70, 128],
    answer: () => formulas.matMul(x.data, w.data, 192),
  };
}

export function layerNorm(): Question {
  const x = noise(10, 1, 70, 384);
  const scale = noise(11, 384);
  const bias = noise(12, 384);
  return {
    kernel: 'layer norm',
    node: {
      op: 'LayerNormalization',
      inputs: ['x', 'scale', 'bias'],
      attributes: { axis: -1, epsilon: 1e-6 },
    },
    feeds: { x, scale, bias },
    dims: x.dims,
    answer: () => formulas.layerNorm(x.data, scale.data, bias.data, 1e-6),
  };
}

export function rmsNorm(): Question {
  const x = noise(13, 1, 70, 3, 128);
  // Squares of these are beyond float16: the mean must be taken in float32.
  x.data.forEach((value, i) => {
    x.data[i] = value * 300;
  });
  const scale = noise(14, 128);
  return {
    kernel: 'rms norm',
    node: { op: 'RMSNormalization', inputs: ['x', 'scale'], attributes: { axis: -1, epsilon: 1e-6 } },
    feeds: { x, scale },
    dims: x.dims,
    answer: () => formulas.rmsNorm(x.data, scale.data, 1e-6),
  };
}

export function rotary(): Question {
  const x = noise(15, 1, 70, 3 * 128);
  const cos = noise(16, 1, 70, 64);
  const sin = noise(17, 1, 70, 64);
  return {
    kernel: 'rotary embedding',
    node: { op: 'RotaryEmbedding', inputs: ['x', 'cos', 'sin'], attributes: { interleaved: 1, num_heads: 3 } },
    feeds: { x, cos, sin },
    dims: x.dims,
    answer: () => formulas.rotary(x.data, cos.data, sin.data, 3, 128),
  };
}

/** Up to ±400, whose cubes are beyond float16: the tanh must end at ±1, not at NaN. */
export function gelu(): Question {
  const x = noise(22, 1, 70, 384);
  x.data.forEach((value, i) => {
    x.data[i] = value * (i % 3 === 0 ? 400 : 4);
  });
  return {
    kernel: 'gelu',
    node: { op: 'Gelu', inputs: ['x'], attributes: { approximate: 'tanh' } },
    feeds: { x },
    dims: x.dims,
    answer: () => formulas.geluTanh(x.data),
  };
}

/** `q4m` and `q4k` sum the inputs of each block of weights. */
export function blockSums(): Question {
  const x = noise(23, 1, 70, 12, 32);
  return {
    kernel: 'block sums',
    node: { op: 'ReduceSum', inputs: ['x', 'axes'], attributes: { keepdims: 0 } },
    feeds: { x, axes: integers(-1) },
    dims: [1, 70, 12],
    answer: () => formulas.sumRows(x.data, 32),
  };
}

/** `q4m` pads the sums of blocks to whole blocks. */
export function pad(): Question {
  const x = noise(24, 1, 70, 12);
  return {
    kernel: 'pad',
    node: { op: 'Pad', inputs: ['x', 'pads'] },
    feeds: { x, pads: integers(0, 0, 0, 0, 0, 20) },
    dims: [1, 70, 32],
    answer: () => formulas.joinRows([x.data, new Float32Array(70 * 20)], 70),
  };
}

/** `q4m` appends those sums to the inputs, twice. */
export function concat(): Question {
  const x = noise(25, 1, 70, 384);
  const sums = noise(26, 1, 70, 32);
  return {
    kernel: 'concat',
    node: { op: 'Concat', inputs: ['x', 'sums', 'sums'], attributes: { axis: -1 } },
    feeds: { x, sums },
    dims: [1, 70, 448],
    answer: () => formulas.joinRows([x.data, sums.data, sums.data], 70),
  };
}

export function instanceNorm(): Question {
  const x = noise(18, 1, 32, 1000);
  const ones: HostTensor = { dtype: 'float32', dims: [32], data: new Float32Array(32).fill(1) };
  const zeros: HostTensor = { dtype: 'float32', dims: [32], data: new Float32Array(32) };
  return {
    kernel: 'instance norm',
    node: { op: 'InstanceNormalization', inputs: ['x', 'ones', 'zeros'], attributes: { epsilon: 1e-6 } },
    feeds: { x, ones, zeros },
    dims: x.dims,
    answer: () => formulas.instanceNorm(x.data, 1000, 1e-6),
  };
}

export function convolution(): Question {
  const x = noise(19, 1, 40, 20, 20);
  const w = noise(20, 48, 40, 3, 3);
  const bias = noise(21, 48);
  return {
    kernel: 'convolution 3x3',
    node: {
      op: 'Conv',
      inputs: ['x', 'w', 'bias'],
      attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1] },
    },
    feeds: { x, w, bias },
    dims: [1, 48, 20, 20],
    answer: () => formulas.conv3x3(x.data, w.data, bias.data, 20),
  };
}
