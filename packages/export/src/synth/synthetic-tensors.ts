import type { BlockClass, WeightClass } from '@flux-srpo/core';
import { e4m4Floor, f32ToF16, type TensorSpec } from '@flux-srpo/formats';
import { type WeightInput, type WeightSlot, weightInputs } from '../graphs/index.ts';
import { RandomWords } from './random-words.ts';

/** A stored tensor of which any range can be made alone. */
export interface SyntheticTensor extends TensorSpec {
  /** Writes the tensor's bytes from `offset` on, little-endian, until `out` is full. */
  fill(out: Uint8Array, offset: number): void;
}

/** Standard deviations of uniform numbers in [−1, 1) and of 4-bit codes around their zero. */
const UNIFORM_DEVIATION = 1 / Math.sqrt(3);
const NIBBLE_DEVIATION = Math.sqrt((16 ** 2 - 1) / 12);
// Offsets, times the sum of 32 inputs, add twice the variance of the block's own codes in `q4m`,
// and as much in `q4k`.
const CODE_DEVIATION = {
  q4: NIBBLE_DEVIATION,
  q4m: Math.sqrt(3) * NIBBLE_DEVIATION,
  q4k: Math.SQRT2 * NIBBLE_DEVIATION,
  q8: Math.sqrt((256 ** 2 - 1) / 12),
} as const;

/** Scales vary by this share around their mean, so that mixed-up blocks show. */
const SCALE_SPREAD = 0.2;

/** Numbers between `mean − spread` and `mean + spread`, uniform. */
interface Range {
  mean: number;
  spread: number;
}

/**
 * Random weights of one slot as they are stored: for quantized classes the codes are random, and
 * nothing is quantized. A linear or convolution keeps the deviation of its input (gain 1/√K per
 * weight), norms are near 1 and biases near 0, so that activations stay within a few units through
 * any number of blocks.
 */
export function syntheticTensors(
  slot: WeightSlot,
  weightClass: WeightClass,
  part: string,
  seed: number,
): readonly SyntheticTensor[] {
  const [values, scales, offsets] = weightInputs(slot, weightClass);
  if (values === undefined) throw new Error(`${slot.name} has no graph input`);
  const words = (name: string) => new RandomWords(seed, `${part}/${name}`);
  if (scales !== undefined) {
    const mean = 1 / (CODE_DEVIATION[weightClass as BlockClass] * Math.sqrt(slot.shape[1]!));
    const isShort = weightClass === 'q4m';
    const convert = isShort ? asScaleCodes(mean) : asHalves({ mean, spread: SCALE_SPREAD * mean });
    return [
      { name: values.name, shape: values.dims, dtype: 'U8', fill: filler(words(values.name), () => undefined) },
      {
        name: scales.name,
        shape: scales.dims,
        dtype: isShort ? 'U8' : 'F16',
        fill: filler(words(scales.name), convert),
      },
      ...(offsets === undefined ? [] : [syntheticOffsets(offsets, NIBBLE_DEVIATION * mean, words(offsets.name))]),
    ];
  }
  const isHalf = weightClass === 'f16';
  const convert = isHalf ? asHalves(rangeOf(slot)) : asFloats(rangeOf(slot));
  return [
    { name: values.name, shape: values.dims, dtype: isHalf ? 'F16' : 'F32', fill: filler(words(values.name), convert) },
  ];
}

function syntheticOffsets({ name, dims }: WeightInput, deviation: number, words: RandomWords): SyntheticTensor {
  const range = { mean: 0, spread: deviation / UNIFORM_DEVIATION };
  return { name, shape: dims, dtype: 'F16', fill: filler(words, asHalves(range)) };
}

function rangeOf({ kind, shape, tensorClass, name }: WeightSlot): Range {
  if (kind === 'linear' || tensorClass === 'vae') {
    const inputs = shape.slice(1).reduce((product, dim) => product * dim, 1);
    return { mean: 0, spread: 1 / (UNIFORM_DEVIATION * Math.sqrt(inputs)) };
  }
  if (tensorClass === 'norm' && name.endsWith('.scale')) return { mean: 1, spread: 0.1 };
  return { mean: 0, spread: tensorClass === 'table' ? 1 : 0.1 };
}

/** Turns random words into stored numbers, in place. */
type Convert = (words: Uint32Array<ArrayBuffer>) => void;

function asFloats({ mean, spread }: Range): Convert {
  return (words) => {
    const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
    for (let i = 0; i < words.length; i++) floats[i] = mean + spread * (words[i]! / 2 ** 31 - 1);
  };
}

/** Halves from a table of 2¹⁶ entries, made once per range. */
function asHalves(range: Range): Convert {
  return (words) => {
    const table = halvesOf(range);
    const halves = new Uint16Array(words.buffer, words.byteOffset, 2 * words.length);
    for (let i = 0; i < halves.length; i++) halves[i] = table[halves[i]!]!;
  };
}

/** By range: a model's thousand tensors of halves have about ten, one per width of a layer. */
const tables = new Map<string, Uint16Array>();

function halvesOf({ mean, spread }: Range): Uint16Array {
  const key = `${mean} ${spread}`;
  let table = tables.get(key);
  if (table === undefined) {
    table = f32ToF16(Float32Array.from({ length: 2 ** 16 }, (_, i) => mean + spread * (i / 2 ** 15 - 1)));
    tables.set(key, table);
  }
  return table;
}

/** One of the eight e4m4 floats around `mean`, 5 % apart. */
function asScaleCodes(mean: number): Convert {
  const first = e4m4Floor(mean) - 4;
  return (words) => {
    const codes = new Uint8Array(words.buffer, words.byteOffset, 4 * words.length);
    for (let i = 0; i < codes.length; i++) codes[i] = first + (codes[i]! & 7);
  };
}

/** Words made at a time: few enough to stay in the processor's cache until they are copied. */
const PIECE_WORDS = 16 * 1024;

function filler(source: RandomWords, convert: Convert): SyntheticTensor['fill'] {
  return (out, offset) => {
    const words = new Uint32Array(Math.min(PIECE_WORDS, Math.ceil(out.length / 4) + 1));
    const bytes = new Uint8Array(words.buffer);
    for (let at = 0; at < out.length; ) {
      const first = Math.floor((offset + at) / 4);
      source.fill(words, first);
      convert(words);
      // A range may begin and end within a word.
      const skip = offset + at - 4 * first;
      const piece = bytes.subarray(skip, skip + out.length - at);
      out.set(piece, at);
      at += piece.length;
    }
  };
}
