import {
  type BlockClass,
  FormatError,
  isBlockClass,
  QUANT_BLOCK,
  storedWidth,
  type WeightClass,
} from '@flux-srpo/core';
import { e4m4ToF32, f32ToF16, type TensorSpec } from '@flux-srpo/formats';
import type { WeightSlot } from '../graphs/slots.ts';
import { weightInputs } from '../graphs/weights.ts';
import { largestMagnitude, scaleExponent } from '../quantize/kernels.ts';
import { IN_PROCESS, type QuantizedRows, type RowQuantizer } from '../quantize/rows.ts';
import { scaleDtype } from '../quantize/scale-dtype.ts';
import { type Numbers, toFloat32 } from '../tensors/numbers.ts';
import { PIECES_AT_ONCE } from '../tensors/read-memory.ts';

/**
 * A slot's weights in torch's order, in pieces of whole rows. Each call starts again. A piece's
 * memory may be overwritten when the third piece after it is read.
 */
export type Pieces = () => AsyncIterable<Numbers>;

/** A tensor of a part's file. `bytes` reads it again at each call. */
export interface StoredTensor extends TensorSpec {
  bytes(): AsyncIterable<Uint8Array>;
}

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
  const [values, scales] = weightInputs(slot, weightClass).map(({ name, dims }) => ({ name, shape: dims }));
  if (values === undefined) throw new Error(`${slot.name} has no graph input`);
  if (isBlockClass(weightClass)) {
    const quantized = await quantizeTensor(slot, weightClass, pieces, quantizer);
    return {
      tensors: [
        { ...values, dtype: 'U8', bytes: () => once(quantized.codes) },
        { ...scales!, dtype: quantized.dtype, bytes: () => once(quantized.scales) },
      ],
    };
  }
  let max = 0;
  for await (const rows of pieces()) {
    const largest = largestMagnitude(rows);
    if (!Number.isFinite(largest)) throw notFinite(slot, largest);
    max = Math.max(max, largest);
  }
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

/** A quantized tensor as it is stored. */
interface QuantizedTensor {
  readonly codes: Uint8Array<ArrayBuffer>;
  readonly scales: Uint8Array<ArrayBuffer>;
  /** Dtype of the scales. U8 means e4m4 floats. */
  readonly dtype: FloatDtype | 'U8';
}

/** Quantizes a tensor and holds the result: for 4 bits an eighth of the float32 numbers. */
async function quantizeTensor(
  slot: WeightSlot,
  weightClass: BlockClass,
  pieces: Pieces,
  quantizer: RowQuantizer,
): Promise<QuantizedTensor> {
  const narrow = await quantizePieces(slot, weightClass, pieces, quantizer);
  if (weightClass === 'q4m') {
    const scales = narrow.scales as Uint8Array<ArrayBuffer>;
    const exponent = scaleExponent(narrow.largest);
    if (exponent === 0) return { codes: narrow.codes, scales, dtype: 'U8' };
    const wide = await quantizePieces(slot, weightClass, pieces, quantizer, exponent);
    const values = e4m4ToF32(wide.scales as Uint8Array).map((scale) => scale * 2 ** exponent);
    return { codes: wide.codes, scales: asBytes(values), dtype: 'F32' };
  }
  const scales = narrow.scales as Float32Array<ArrayBuffer>;
  if (scaleDtype(scales) === 'F16') return { codes: narrow.codes, scales: asBytes(f32ToF16(scales)), dtype: 'F16' };
  const wide = await quantizePieces(slot, weightClass, pieces, quantizer, 0);
  return { codes: wide.codes, scales: asBytes(wide.scales as Float32Array<ArrayBuffer>), dtype: 'F32' };
}

/** Sends all pieces through the quantizer, as many at once as it can use. */
async function quantizePieces(
  slot: WeightSlot,
  weightClass: BlockClass,
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

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
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

function asBytes<B extends ArrayBufferLike>(values: Float32Array<B> | Uint16Array<B>): Uint8Array<B> {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
