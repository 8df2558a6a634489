import { decodeModel, encodeModel } from './model.ts';

/** A quantized product whose weights are to be made anew. */
export interface WideLayer {
  /** Names of the inputs. */
  readonly weight: string;
  readonly scales: string;
  /** Of the weights [N, K]. */
  readonly N: number;
  readonly K: number;
}

/**
 * The same model with each 4-bit product that `isWanted` in 8 bits, in blocks of `blockSize`.
 *
 * @returns the products whose inputs must change: codes uint8 [N, ⌈K/blockSize⌉, blockSize], 128
 *   standing for 0, and scales float32 [N, ⌈K/blockSize⌉]
 */
export function withWideBlocks(
  model: Uint8Array,
  blockSize: number,
  isWanted: (layer: WideLayer) => boolean,
): { model: Uint8Array<ArrayBuffer>; layers: WideLayer[] } {
  const decoded = decodeModel(model);
  const layers: WideLayer[] = [];
  for (const node of decoded.graph.node) {
    if (node.opType !== 'MatMulNBits') continue;
    const attribute = (name: string) => node.attribute.find((other) => other.name === name)!;
    const [, weight = '', scales = ''] = node.input;
    const layer = { weight, scales, N: Number(attribute('N').i), K: Number(attribute('K').i) };
    if (attribute('bits').i !== 4n || !isWanted(layer)) continue;
    attribute('bits').i = 8n;
    attribute('block_size').i = BigInt(blockSize);
    layers.push(layer);
  }
  return { model: encodeModel(decoded), layers };
}
