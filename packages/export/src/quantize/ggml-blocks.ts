import { type BlockClass, QUANT_BLOCK, storedWidth } from '@flux-srpo/core';
import { GGML_TYPES, type GgmlTypeName } from '@flux-srpo/formats';
import { ZEROS } from './staging.ts';
import { type BlockKernel, kernels, ROWS_AT, reserve, SLICE } from './wasm-module.ts';

/** ggml's types whose blocks a class can hold, code for code. No class holds the others. */
const HELD: Readonly<Record<BlockClass, Readonly<Partial<Record<GgmlTypeName, BlockKernel>>>>> = {
  q4: { Q4_0: 'keepQ4_0' },
  q4m: { Q4_0: 'keepQ4_0' },
  q4k: { Q4_0: 'keepQ4_0', Q4_1: 'keepQ4_1', Q4_K: 'keepQ4_K' },
  q8: { Q4_0: 'widenQ4_0', Q5_0: 'widenQ5_0', Q8_0: 'keepQ8_0' },
};

/** Whether blocks of a ggml type can be stored in a class with the same codes. */
export function canHold(blockClass: BlockClass, type: GgmlTypeName): boolean {
  return HELD[blockClass][type] !== undefined;
}

/**
 * A matrix of ggml's blocks in the order of MatMulNBits: weight = level · scale + offset, where the
 * level is q − 8 of 4 bits and q − 128 of 8.
 */
export class KeptBlocks {
  /** [N, K'/32, 16], low nibble first; for `q8` [N, K'/32, 32]. `q4m`'s further columns are 0. */
  readonly codes: Uint8Array<ArrayBuffer>;
  /** [N, K'/32]: float32, or a half's bits where the type has no offsets. */
  readonly scales: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
  /** [K/32, N]; absent where all are 0. */
  readonly offsets?: Float32Array<ArrayBuffer>;
  readonly #kernel: BlockKernel;
  readonly #type: GgmlTypeName;
  readonly #outFeatures: number;
  /** Blocks of 32 in a row as it is read, and as it is stored. */
  readonly #blocks: number;
  readonly #width: number;
  #row = 0;

  /**
   * @param type one that the class can hold
   * @param shape [N, K]
   * @param take gives memory for the results. All of it is written once all rows are added
   */
  constructor(
    blockClass: BlockClass,
    type: GgmlTypeName,
    [outFeatures, inFeatures]: readonly [number, number],
    take: (bytes: number) => Uint8Array<ArrayBuffer> = (bytes) => new Uint8Array(bytes),
  ) {
    const hasOffsets = type === 'Q4_1' || type === 'Q4_K';
    this.#kernel = HELD[blockClass][type]!;
    this.#type = type;
    this.#outFeatures = outFeatures;
    this.#blocks = inFeatures / QUANT_BLOCK;
    this.#width = storedWidth(inFeatures, blockClass) / QUANT_BLOCK;
    const count = outFeatures * this.#width;
    this.codes = take(count * (blockClass === 'q8' ? 32 : 16));
    const { buffer, byteOffset } = take(count * (hasOffsets ? 4 : 2));
    this.scales = new (hasOffsets ? Float32Array : Uint16Array)(buffer, byteOffset, count);
    if (hasOffsets) this.offsets = new Float32Array(outFeatures * this.#blocks);
  }

  /** Takes over whole rows of `rowLength` weights; of each, the blocks from column `from` on. */
  add(rows: Uint8Array, rowLength: number, from: number): void {
    const { length, bytes } = GGML_TYPES[this.#type];
    const rowBytes = (rowLength / length) * bytes;
    const atOnce = Math.max(1, Math.floor(SLICE / rowLength)) * rowBytes;
    for (let at = 0; at < rows.length; at += atOnce) {
      this.#addSlice(rows.subarray(at, at + atOnce), rowBytes, from / QUANT_BLOCK);
    }
  }

  #addSlice(rows: Uint8Array, rowBytes: number, first: number): void {
    const wasm = kernels();
    const { codes, scales, offsets } = this;
    const count = rows.length / rowBytes;
    const codeBytes = codes.length / this.#outFeatures;
    const scaleBytes = scales.byteLength / this.#outFeatures;
    const codesAt = ROWS_AT + Math.ceil(rows.length / 16) * 16;
    const scalesAt = codesAt + count * codeBytes;
    const offsetsAt = scalesAt + count * scaleBytes;
    reserve(wasm, offsetsAt + 4 * count * this.#blocks);
    const { buffer } = wasm.memory;
    new Uint8Array(buffer, ROWS_AT).set(rows);
    // Columns without a block: their codes mean zero.
    new Uint8Array(buffer, codesAt, count * codeBytes).fill(ZEROS);
    new Uint8Array(buffer, scalesAt, count * scaleBytes).fill(0);
    for (let row = 0; row < count; row++) {
      wasm[this.#kernel](
        ROWS_AT + row * rowBytes,
        first,
        this.#blocks,
        codesAt + row * codeBytes,
        scalesAt + row * scaleBytes,
        offsetsAt + 4 * row,
        4 * count,
      );
    }
    codes.set(new Uint8Array(buffer, codesAt, count * codeBytes), this.#row * codeBytes);
    const Scales = scales instanceof Float32Array ? Float32Array : Uint16Array;
    scales.set(new Scales(buffer, scalesAt, count * this.#width), this.#row * this.#width);
    for (let block = 0; offsets !== undefined && block < this.#blocks; block++) {
      const column = new Float32Array(buffer, offsetsAt + 4 * block * count, count);
      offsets.set(column, block * this.#outFeatures + this.#row);
    }
    this.#row += count;
  }
}
