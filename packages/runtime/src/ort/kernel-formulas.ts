/**
 * What the kernels compute, as plain loops in float64: slow, short, and sharing nothing with what
 * they check. All arrays are row-major.
 */

/** softmax(q·kᵀ/√D)·v per head. q: [S_q, heads·D]; k, v: [S_k, heads·D] → [S_q, heads·D]. */
export function attention(
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  heads: number,
  headDim: number,
): Float32Array {
  const width = heads * headDim;
  const queries = q.length / width;
  const keys = k.length / width;
  const out = new Float32Array(q.length);
  const weights = new Float64Array(keys);
  for (let head = 0; head < heads; head++) {
    const at = (token: number): number => token * width + head * headDim;
    for (let i = 0; i < queries; i++) {
      let max = Number.NEGATIVE_INFINITY;
      for (let j = 0; j < keys; j++) {
        let dot = 0;
        for (let d = 0; d < headDim; d++) dot += q[at(i) + d]! * k[at(j) + d]!;
        weights[j] = dot / Math.sqrt(headDim);
        max = Math.max(max, weights[j]!);
      }
      let sum = 0;
      for (let j = 0; j < keys; j++) sum += weights[j] = Math.exp(weights[j]! - max);
      for (let d = 0; d < headDim; d++) {
        let mixed = 0;
        for (let j = 0; j < keys; j++) mixed += weights[j]! * v[at(j) + d]!;
        out[at(i) + d] = mixed / sum;
      }
    }
  }
  return out;
}

export interface QuantizedLinear {
  /** [N, K·bits/8], low nibble first. */
  weight: Uint8Array;
  /** [N, K/32] */
  scales: Float32Array;
  /** [N] */
  bias: Float32Array;
  /** K */
  inFeatures: number;
  bits: 4 | 8;
}

/** x·Wᵀ + bias, W = (q − 2^(bits−1))·scale in blocks of 32 along K. x: [M, K] → [M, N]. */
export function quantizedLinear(
  x: Float32Array,
  { weight, scales, bias, inFeatures, bits }: QuantizedLinear,
): Float32Array {
  const features = bias.length;
  const rows = x.length / inFeatures;
  const out = new Float32Array(rows * features);
  for (let n = 0; n < features; n++) {
    const row = Float64Array.from({ length: inFeatures }, (_, k) => {
      const flat = n * inFeatures + k;
      const q = bits === 8 ? weight[flat]! : (weight[flat >> 1]! >> (4 * (flat & 1))) & 15;
      return (q - 2 ** (bits - 1)) * scales[flat >> 5]!;
    });
    for (let m = 0; m < rows; m++) {
      let sum = bias[n]!;
      for (let k = 0; k < inFeatures; k++) sum += x[m * inFeatures + k]! * row[k]!;
      out[m * features + n] = sum;
    }
  }
  return out;
}

/** x·W. x: [M, K], w: [K, N] → [M, N]. */
export function matMul(x: Float32Array, w: Float32Array, inFeatures: number): Float32Array {
  const rows = x.length / inFeatures;
  const features = w.length / inFeatures;
  const out = new Float32Array(rows * features);
  for (let m = 0; m < rows; m++) {
    for (let n = 0; n < features; n++) {
      let sum = 0;
      for (let k = 0; k < inFeatures; k++) sum += x[m * inFeatures + k]! * w[k * features + n]!;
      out[m * features + n] = sum;
    }
  }
  return out;
}

/** (x − mean)/√(variance + ε)·scale + bias over rows of `scale.length`. */
export function layerNorm(x: Float32Array, scale: Float32Array, bias: Float32Array, epsilon: number): Float32Array {
  return normalizeRows(x, scale.length, epsilon, true, (value, i) => value * scale[i]! + bias[i]!);
}

/** x/√(mean(x²) + ε)·scale over rows of `scale.length`. */
export function rmsNorm(x: Float32Array, scale: Float32Array, epsilon: number): Float32Array {
  return normalizeRows(x, scale.length, epsilon, false, (value, i) => value * scale[i]!);
}

/** (x − mean)/√(variance + ε) over rows of `pixels`. x: [groups, pixels] */
export function instanceNorm(x: Float32Array, pixels: number, epsilon: number): Float32Array {
  return normalizeRows(x, pixels, epsilon, true, (value) => value);
}

function normalizeRows(
  x: Float32Array,
  width: number,
  epsilon: number,
  centered: boolean,
  finish: (value: number, i: number) => number,
): Float32Array {
  const out = new Float32Array(x.length);
  for (let start = 0; start < x.length; start += width) {
    const row = Float64Array.from(x.subarray(start, start + width));
    const mean = centered ? row.reduce((sum, value) => sum + value, 0) / width : 0;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    row.forEach((value, i) => {
      out[start + i] = finish((value - mean) / Math.sqrt(variance + epsilon), i);
    });
  }
  return out;
}

/** Σ of each row of `width`. */
export function sumRows(x: Float32Array, width: number): Float32Array {
  return Float32Array.from({ length: x.length / width }, (_, row) => {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += x[row * width + i]!;
    return sum;
  });
}

/** The same row of each part, one after the other. */
export function joinRows(parts: readonly Float32Array[], rows: number): Float32Array {
  const joined: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (const part of parts) {
      const width = part.length / rows;
      joined.push(...part.subarray(row * width, (row + 1) * width));
    }
  }
  return Float32Array.from(joined);
}

/** x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2 */
export function geluTanh(x: Float32Array): Float32Array {
  return x.map((value) => (value * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (value + 0.044715 * value ** 3)))) / 2);
}

/**
 * Rotates pairs (2p, 2p+1): (a, b) → (a·cos − b·sin, a·sin + b·cos). x: [S, heads·D]; cos, sin: [S,
 * D/2].
 */
export function rotary(
  x: Float32Array,
  cos: Float32Array,
  sin: Float32Array,
  heads: number,
  headDim: number,
): Float32Array {
  const out = new Float32Array(x.length);
  const half = headDim / 2;
  for (let pair = 0; pair < x.length / 2; pair++) {
    const token = Math.floor((2 * pair) / (heads * headDim));
    const angle = token * half + (pair % half);
    const a = x[2 * pair]!;
    const b = x[2 * pair + 1]!;
    out[2 * pair] = a * cos[angle]! - b * sin[angle]!;
    out[2 * pair + 1] = a * sin[angle]! + b * cos[angle]!;
  }
  return out;
}

/** 3×3, padding 1, stride 1. x: [C, size, size]; w: [O, C, 3, 3]; bias: [O] → [O, size, size]. */
export function conv3x3(x: Float32Array, w: Float32Array, bias: Float32Array, size: number): Float32Array {
  const channels = x.length / size ** 2;
  const out = new Float32Array(bias.length * size ** 2);
  for (let o = 0; o < bias.length; o++) {
    for (let row = 0; row < size; row++) {
      for (let col = 0; col < size; col++) {
        let sum = bias[o]!;
        for (let c = 0; c < channels; c++) {
          for (let tap = 0; tap < 9; tap++) {
            const y = row + Math.floor(tap / 3) - 1;
            const z = col + (tap % 3) - 1;
            if (y < 0 || z < 0 || y >= size || z >= size) continue;
            sum += x[(c * size + y) * size + z]! * w[(o * channels + c) * 9 + tap]!;
          }
        }
        out[(o * size + row) * size + col] = sum;
      }
    }
  }
  return out;
}
