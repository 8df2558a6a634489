import type { WeightClass } from '@flux-srpo/core';
import { f32ToF16 } from '@flux-srpo/formats';
import { type WeightSlot, weightInputs } from '../graphs/index.ts';
import type { StoredTensor } from '../storage.ts';
import { RandomBits } from './random.ts';

/** Bytes made at a time. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** Standard deviations: of uniform numbers in [−1, 1), and of uniform 4- and 8-bit codes around their zero. */
const UNIFORM_DEVIATION = 1 / Math.sqrt(3);
const CODE_DEVIATION = { q4: Math.sqrt((16 ** 2 - 1) / 12), q8: Math.sqrt((256 ** 2 - 1) / 12) } as const;

/** Scales vary by this much around their mean, so that a mix-up of blocks shows. */
const SCALE_SPREAD = 0.2;

/**
 * Random weights of one slot, made as they are stored: codes for quantized classes, never floats that are quantized. Sizes are such that a
 * linear or convolution keeps the deviation of what goes in (gain 1/√K per weight), norms stay near 1 and biases near 0: activations
 * stay within a few units through any number of blocks.
 */
export function syntheticTensors(
  slot: WeightSlot,
  weightClass: WeightClass,
  part: string,
  seed: number,
): readonly StoredTensor[] {
  const [values, scales] = weightInputs(slot, weightClass);
  if (values === undefined) throw new Error(`${slot.name} has no graph input`);
  const bits = (name: string) => new RandomBits(seed, `${part}/${name}`);
  if (scales !== undefined) {
    const mean = 1 / (CODE_DEVIATION[weightClass as 'q4' | 'q8'] * Math.sqrt(slot.shape[1]!));
    const scale = (x: number) => mean * (1 + SCALE_SPREAD * x);
    return [
      { name: values.name, shape: values.dims, dtype: 'U8', bytes: () => codes(bits(values.name), count(values.dims)) },
      {
        name: scales.name,
        shape: scales.dims,
        dtype: 'F16',
        bytes: () => floats(bits(scales.name), count(scales.dims), 'F16', scale),
      },
    ];
  }
  const dtype = weightClass === 'f16' ? 'F16' : 'F32';
  const value = valueFor(slot);
  return [
    {
      name: values.name,
      shape: values.dims,
      dtype,
      bytes: () => floats(bits(values.name), count(values.dims), dtype, value),
    },
  ];
}

function valueFor({ kind, shape, tensorClass, name }: WeightSlot): (uniform: number) => number {
  if (kind === 'linear' || tensorClass === 'vae') {
    const inputs = shape.slice(1).reduce((product, dim) => product * dim, 1);
    const size = 1 / (UNIFORM_DEVIATION * Math.sqrt(inputs));
    return (x) => size * x;
  }
  if (tensorClass === 'norm' && name.endsWith('.scale')) return (x) => 1 + 0.1 * x;
  if (tensorClass === 'table') return (x) => x;
  return (x) => 0.1 * x;
}

async function* codes(bits: RandomBits, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < length; at += PIECE_BYTES) {
    const bytes = Math.min(PIECE_BYTES, length - at);
    const words = new Uint32Array(Math.ceil(bytes / 4));
    bits.fill(words);
    yield new Uint8Array(words.buffer, 0, bytes);
  }
}

async function* floats(
  bits: RandomBits,
  length: number,
  dtype: 'F16' | 'F32',
  value: (uniform: number) => number,
): AsyncGenerator<Uint8Array> {
  const pieceLength = PIECE_BYTES / 4;
  for (let at = 0; at < length; at += pieceLength) {
    const numbers = bits.uniform(Math.min(pieceLength, length - at)).map(value);
    const stored = dtype === 'F16' ? f32ToF16(numbers) : numbers;
    yield new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
  }
}

function count(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}
