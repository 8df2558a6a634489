import { type BlockClass, QUANT_BLOCK, storedWidth } from '@flux-srpo/core';
import { e4m4ToF32 } from '@flux-srpo/formats';
import type { WeightSlot } from '../graphs/slots.ts';
import { scaleExponent } from '../quantize/q4m.ts';
import type { QuantizedRows, RowQuantizer, SearchedClass } from '../quantize/row-quantizer.ts';
import { scaleDtype } from '../quantize/scale-dtype.ts';
import { splitOffsets } from '../quantize/split-offsets.ts';
import { PIECES_AT_ONCE } from '../tensors/read-memory.ts';
import { type StoredNumbers, storedCodes, storedE4m4, storedFloats, storedOffsetBlocks } from './block-tensors.ts';
import { notFinite } from './not-finite.ts';
import type { PartMemory } from './part-memory.ts';
import type { Pieces } from './pieces.ts';

/**
 * Quantizes a tensor. For 4 bits, the result is an eighth of the float32 numbers.
 *
 * @param memory holds the result
 */
export async function quantizeTensor(
  slot: WeightSlot,
  weightClass: BlockClass,
  pieces: Pieces,
  quantizer: RowQuantizer,
  memory: PartMemory,
): Promise<StoredNumbers[]> {
  const quantize = (searched: SearchedClass, exponent?: number): Promise<QuantizedRows> =>
    quantizePieces({
      slot,
      weightClass: searched,
      pieces,
      quantizer,
      memory,
      ...(exponent !== undefined && { exponent }),
    });
  if (weightClass === 'q4m' || weightClass === 'q4k') {
    const narrow = await quantize('q4m');
    const exponent = scaleExponent(narrow.largest);
    const isPlain = exponent === 0;
    const { codes, scales } = isPlain ? narrow : await quantize('q4m', exponent);
    const short = scales as Uint8Array;
    if (weightClass === 'q4m' && isPlain) return [storedCodes(codes), storedE4m4(short)];
    const values = e4m4ToF32(short).map((scale) => scale * 2 ** exponent);
    return weightClass === 'q4k'
      ? storedOffsetBlocks(splitOffsets(codes, values, slot.shape[1]!))
      : [storedCodes(codes), storedFloats(values, 'F32')];
  }
  const narrow = await quantize(weightClass);
  const scales = narrow.scales as Float32Array;
  if (scaleDtype(scales) === 'F16') return [storedCodes(narrow.codes), storedFloats(scales, 'F16')];
  const wide = await quantize(weightClass, 0);
  return [storedCodes(wide.codes), storedFloats(wide.scales as Float32Array, 'F32')];
}

/** One search over all pieces of a slot. */
interface Search {
  readonly slot: WeightSlot;
  readonly weightClass: SearchedClass;
  readonly pieces: Pieces;
  readonly quantizer: RowQuantizer;
  readonly memory: PartMemory;
  readonly exponent?: number;
}

/** Sends all pieces through the quantizer, as many at once as it can use. */
async function quantizePieces({
  slot,
  weightClass,
  pieces,
  quantizer,
  memory,
  exponent,
}: Search): Promise<QuantizedRows> {
  const [outFeatures, inFeatures] = slot.shape as readonly [number, number];
  const width = storedWidth(inFeatures, weightClass);
  const codes = memory.take((outFeatures * width) / (weightClass === 'q8' ? 1 : 2));
  const blocks = (outFeatures * width) / QUANT_BLOCK;
  const isNarrow = weightClass === 'q4m';
  const bytes = memory.take(isNarrow ? blocks : 4 * blocks);
  const scales = isNarrow ? bytes : new Float32Array(bytes.buffer, bytes.byteOffset, blocks);
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
