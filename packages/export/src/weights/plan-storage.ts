import {
  type BlockClass,
  FormatError,
  isBlockClass,
  QUANT_BLOCK,
  storedWidth,
  type WeightClass,
} from '@flux-srpo/core';
import { e4m4ToF32, f32ToF16 } from '@flux-srpo/formats';
import type { WeightSlot } from '../graphs/slots.ts';
import { type WeightInput, weightInputs } from '../graphs/weights.ts';
import { largestMagnitude, scaleExponent } from '../quantize/kernels.ts';
import { IN_PROCESS, type QuantizedRows, type RowQuantizer, type SearchedClass } from '../quantize/rows.ts';
import { scaleDtype } from '../quantize/scale-dtype.ts';
import { splitOffsets } from '../quantize/split-offsets.ts';

import { type Numbers, toFloat32 } from '../tensors/numbers.ts';
import { PIECES_AT_ONCE } from '../tensors/read-memory.ts';
import {
  asBytes,
  blockTensors,
  type StoredNumbers,
  type StoredTensor,
  storedCodes,
  storedFloats,
  storedOffsetBlocks,
} from './block-tensors.ts';

/**
 * A slot's weights in torch's order, in pieces of whole rows. Each call starts again. A piece's
 * memory may be overwritten when the third piece after it is read.
 */
export type Pieces = () => AsyncIterable<Numbers>;

export interface SlotStorage {
  /** In the order of the graph's inputs. */
  readonly tensors: readonly StoredTensor[];
  /** Why the numbers need a wider dtype on disk than the class says. Absent where they do not. */
  readonly reason?: string;
}

/**
 * Decides how one slot is stored. Reads all its weights, because the numbers decide: a float16 must
 * not overflow, and a block's scale must not be subnormal. Quantized weights are held in memory
 * from then on; `bytes` of the others reads them again.
 *
 * @param weightClass the class of the graph's inputs
 */
export async function planStorage(
  slot: WeightSlot,
  weightClass: WeightClass,
  pieces: Pieces,
  quantizer: RowQuantizer = IN_PROCESS,
): Promise<SlotStorage> {
  if (isBlockClass(weightClass)) {
    const numbers = await quantizeTensor(slot, weightClass, pieces, quantizer);
    return { tensors: blockTensors(slot, weightClass, numbers) };
  }
  const [{ name, dims }] = weightInputs(slot, weightClass) as [WeightInput];
  let max = 0;
  for await (const rows of pieces()) {
    const largest = largestMagnitude(rows);
    if (!Number.isFinite(largest)) throw notFinite(slot, largest);
    max = Math.max(max, largest);
  }
  const dtype = weightClass === 'f16' && max < F16_OVERFLOW ? 'F16' : 'F32';
  const bytes = () => (slot.kind === 'linear' ? transposed(slot, dtype, pieces) : inOrder(dtype, pieces));
  return {
    tensors: [{ name, shape: dims, dtype, bytes }],
    ...(weightClass === 'f16' && dtype === 'F32' && { reason: `a value of ${max} does not fit float16` }),
  };
}

type FloatDtype = 'F32' | 'F16';

/** The first value that rounds to infinity as a float16. */
const F16_OVERFLOW = 65520;

/**
 * Quantizes a tensor, to what {@link blockTensors} takes: an eighth of the float32 numbers for 4
 * bits.
 */
async function quantizeTensor(
  slot: WeightSlot,
  weightClass: BlockClass,
  pieces: Pieces,
  quantizer: RowQuantizer,
): Promise<StoredNumbers[]> {
  if (weightClass === 'q4m' || weightClass === 'q4k') {
    const narrow = await quantizePieces(slot, 'q4m', pieces, quantizer);
    const exponent = scaleExponent(narrow.largest);
    const isPlain = exponent === 0;
    const { codes, scales } = isPlain ? narrow : await quantizePieces(slot, 'q4m', pieces, quantizer, exponent);
    const short = scales as Uint8Array;
    if (weightClass === 'q4m' && isPlain) return [storedCodes(codes), storedCodes(short)];
    const values = e4m4ToF32(short).map((scale) => scale * 2 ** exponent);
    return weightClass === 'q4k'
      ? storedOffsetBlocks(splitOffsets(codes, values, slot.shape[1]!))
      : [storedCodes(codes), storedFloats(values, 'F32')];
  }
  const narrow = await quantizePieces(slot, weightClass, pieces, quantizer);
  const scales = narrow.scales as Float32Array;
  if (scaleDtype(scales) === 'F16') return [storedCodes(narrow.codes), storedFloats(scales, 'F16')];
  const wide = await quantizePieces(slot, weightClass, pieces, quantizer, 0);
  return [storedCodes(wide.codes), storedFloats(wide.scales as Float32Array, 'F32')];
}

/** Sends all pieces through the quantizer, as many at once as it can use. */
async function quantizePieces(
  slot: WeightSlot,
  weightClass: SearchedClass,
  pieces: Pieces,
  quantizer: RowQuantizer,
  exponent?: number,
): Promise<QuantizedRows> {
  const [outFeatures, inFeatures] = slot.shape as readonly [number, number];
  const width = storedWidth(inFeatures, weightClass);
  const codes = new Uint8Array((outFeatures * width) / (weightClass === 'q8' ? 1 : 2));
  const blocks = (outFeatures * width) / QUANT_BLOCK;
  const scales = weightClass === 'q4m' ? new Uint8Array(blocks) : new Float32Array(blocks);
  let largest = 0;
  let codesAt = 0;
  let scalesAt = 0;
  const underWay: Promise<QuantizedRows>[] = [];
  const place = async (): Promise<void> => {
    const rows = await underWay.shift()!;
    if (!Number.isFinite(rows.largest)) throw notFinite(slot, rows.largest);
    largest = Math.max(largest, rows.largest);
    codes.set(rows.codes, codesAt);
    scales.set(rows.scales, scalesAt);
    codesAt += rows.codes.length;
    scalesAt += rows.scales.length;
  };
  try {
    for await (const rows of pieces()) {
      const job = { weightClass, rows, inFeatures, ...(exponent !== undefined && { exponent }) };
      underWay.push(quantizer.quantize(job));
      if (underWay.length >= Math.min(quantizer.concurrency, PIECES_AT_ONCE)) await place();
    }
    while (underWay.length > 0) await place();
  } finally {
    // After an error the other jobs end by themselves, and their errors are dropped.
    await Promise.allSettled(underWay);
  }
  return { codes, scales, largest };
}

async function* inOrder(dtype: FloatDtype, pieces: Pieces): AsyncGenerator<Uint8Array> {
  for await (const rows of pieces()) yield narrow(toFloat32(rows), dtype);
}

/** Rows per step of the transposition: few enough that both sides stay in the cache. */
const TILE = 32;

/** [N, K] → [K, N]. Holds the whole tensor in memory. */
async function* transposed(slot: WeightSlot, dtype: FloatDtype, pieces: Pieces): AsyncGenerator<Uint8Array> {
  const [outFeatures, inFeatures] = slot.shape as readonly [number, number];
  const length = outFeatures * inFeatures;
  const out = dtype === 'F16' ? new Uint16Array(length) : new Float32Array(length);
  let firstRow = 0;
  for await (const piece of pieces()) {
    const rows = toFloat32(piece);
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
