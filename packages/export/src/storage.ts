import { FormatError, type WeightClass } from '@flux-srpo/core';
import { f32ToF16, type TensorSpec } from '@flux-srpo/formats';
import type { WeightSlot } from './graphs/slots.ts';
import { weightInputs } from './graphs/weights.ts';
import { BLOCK, type BlockQuantizer, type RoundScale, roundF16, scaleDtype } from './quantize/blocks.ts';
import { q4 } from './quantize/q4.ts';
import { q8 } from './quantize/q8.ts';
import { isBlockClass } from './recipe.ts';

/** Whole rows of a slot's weights in torch's order, piece after piece; each call starts again. */
export type Pieces = () => AsyncIterable<Float32Array>;

/** A tensor of a part's file and where its bytes come from. */
export interface StoredTensor extends TensorSpec {
  bytes(): AsyncIterable<Uint8Array>;
}

export interface SlotStorage {
  /** In the order of the graph's inputs. */
  readonly tensors: readonly StoredTensor[];
  /** Present when the numbers, rather than the shape, ask for a wider dtype on disk than the class says. */
  readonly reason?: string;
}

/**
 * How one slot is stored. Reads the weights once here, because the numbers decide: a float16 must not overflow, a
 * block's scale must not be subnormal, and scales come before codes in the file. `bytes` reads them again.
 *
 * @param weightClass the class of the graph's inputs
 */
export async function planStorage(slot: WeightSlot, weightClass: WeightClass, pieces: Pieces): Promise<SlotStorage> {
  const [values, scales] = weightInputs(slot, weightClass).map(({ name, dims }) => ({ name, shape: dims }));
  if (values === undefined) throw new Error(`${slot.name} has no graph input`);
  if (isBlockClass(weightClass)) {
    const quantizer = weightClass === 'q4' ? q4 : q8;
    const found = await findScales(slot, quantizer, pieces);
    return {
      tensors: [
        { ...values, dtype: 'U8', bytes: () => codes(quantizer, found.scales, pieces) },
        { ...scales!, dtype: found.dtype, bytes: () => once(narrow(found.scales, found.dtype)) },
      ],
    };
  }
  let max = 0;
  for await (const rows of pieces()) max = Math.max(max, largestMagnitude(slot, rows));
  const dtype = weightClass === 'f16' && max < F16_OVERFLOW ? 'F16' : 'F32';
  const bytes = () => (slot.kind === 'linear' ? transposed(slot, dtype, pieces) : inOrder(dtype, pieces));
  return {
    tensors: [{ ...values, dtype, bytes }],
    ...(weightClass === 'f16' && dtype === 'F32' && { reason: `a value of ${max} does not fit float16` }),
  };
}

type FloatDtype = 'F32' | 'F16';

/** The first value that rounds to infinity as a float16. */
const F16_OVERFLOW = 65520;

/** All scales of a tensor, an eighth of its size as float32 at most, and the dtype they survive in. */
async function findScales(
  slot: WeightSlot,
  quantizer: BlockQuantizer,
  pieces: Pieces,
): Promise<{ scales: Float32Array; dtype: FloatDtype }> {
  const rounded = await allScales(slot, quantizer, roundF16, pieces);
  if (scaleDtype(rounded) === 'F16') return { scales: rounded, dtype: 'F16' };
  return { scales: await allScales(slot, quantizer, Math.fround, pieces), dtype: 'F32' };
}

async function allScales(
  slot: WeightSlot,
  quantizer: BlockQuantizer,
  round: RoundScale,
  pieces: Pieces,
): Promise<Float32Array> {
  const all = new Float32Array((slot.shape[0]! * slot.shape[1]!) / BLOCK);
  let at = 0;
  for await (const rows of pieces()) {
    largestMagnitude(slot, rows);
    const found = quantizer.scales(rows, round);
    all.set(found, at);
    at += found.length;
  }
  return all;
}

/** Largest |x|; refuses values that are not numbers. */
function largestMagnitude(slot: WeightSlot, rows: Float32Array): number {
  let max = 0;
  for (let i = 0; i < rows.length; i++) {
    const magnitude = Math.abs(rows[i]!);
    if (magnitude > max) max = magnitude;
    // Neither above nor not above: NaN.
    else if (!(magnitude <= max)) throw notFinite(slot, rows[i]!);
  }
  if (max === Number.POSITIVE_INFINITY) throw notFinite(slot, max);
  return max;
}

async function* codes(quantizer: BlockQuantizer, scales: Float32Array, pieces: Pieces): AsyncGenerator<Uint8Array> {
  let block = 0;
  for await (const rows of pieces()) {
    const count = rows.length / BLOCK;
    yield quantizer.codes(rows, scales.subarray(block, block + count));
    block += count;
  }
}

async function* inOrder(dtype: FloatDtype, pieces: Pieces): AsyncGenerator<Uint8Array> {
  for await (const rows of pieces()) yield narrow(rows, dtype);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Rows and columns copied together, so that both sides stay in the cache. */
const TILE = 32;

/** [N, K] → [K, N], which needs the whole tensor in memory. */
async function* transposed(slot: WeightSlot, dtype: FloatDtype, pieces: Pieces): AsyncGenerator<Uint8Array> {
  const [outFeatures, inFeatures] = slot.shape as readonly [number, number];
  const length = outFeatures * inFeatures;
  const out = dtype === 'F16' ? new Uint16Array(length) : new Float32Array(length);
  let firstRow = 0;
  for await (const rows of pieces()) {
    const values = dtype === 'F16' ? f32ToF16(rows) : rows;
    const count = rows.length / inFeatures;
    for (let tile = 0; tile < count; tile += TILE) {
      const tileEnd = Math.min(tile + TILE, count);
      for (let k = 0; k < inFeatures; k++) {
        const column = k * outFeatures + firstRow;
        for (let row = tile; row < tileEnd; row++) out[column + row] = values[row * inFeatures + k]!;
      }
    }
    firstRow += count;
  }
  yield asBytes(out);
}

function notFinite(slot: WeightSlot, value: number): FormatError {
  return new FormatError(`${slot.name} must hold finite numbers, got ${value}; the checkpoint is damaged`, {
    code: 'format/value-invalid',
    details: { slot: slot.name, got: String(value) },
  });
}

function narrow(values: Float32Array, dtype: FloatDtype): Uint8Array {
  return asBytes(dtype === 'F16' ? f32ToF16(values) : values);
}

function asBytes(values: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
