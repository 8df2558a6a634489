import { torchRandn } from '@flux-srpo/core';
import type { LoraSource } from '../lora/open-loras.ts';
import { type RawTensor, rawSafetensors, sourceFile } from './checkpoint-files.ts';

/** A pair by what its layer is called: `down` [rank, in] and `up` [out, rank]. */
export interface LoraLayer {
  out: number;
  inner: number;
  rank: number;
  down: Float32Array;
  up: Float32Array;
  alpha?: number;
}

/** Random matrices; the same seed gives the same. */
export function loraLayer(out: number, inner: number, rank: number, seed: number, alpha?: number): LoraLayer {
  const scaled = (size: number, at: number) => torchRandn(2 * seed + at, size).map((value) => value * 0.2);
  return {
    out,
    inner,
    rank,
    down: scaled(rank * inner, 0),
    up: scaled(out * rank, 1),
    ...(alpha !== undefined && { alpha }),
  };
}

/** How a file ends the names of the two matrices. */
export type LoraEnds = readonly [down: string, up: string];

export const KOHYA_ENDS: LoraEnds = ['lora_down.weight', 'lora_up.weight'];
export const PEFT_ENDS: LoraEnds = ['lora_A.weight', 'lora_B.weight'];

export function loraTensors(layers: Readonly<Record<string, LoraLayer>>, ends: LoraEnds): Map<string, RawTensor> {
  const tensors = new Map<string, RawTensor>();
  const add = (name: string, shape: number[], values: Float32Array) => {
    tensors.set(name, {
      dtype: 'F32',
      shape,
      bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    });
  };
  for (const [name, { out, inner, rank, down, up, alpha }] of Object.entries(layers)) {
    add(`${name}.${ends[0]}`, [rank, inner], down);
    add(`${name}.${ends[1]}`, [out, rank], up);
    if (alpha !== undefined) add(`${name}.alpha`, [], Float32Array.of(alpha));
  }
  return tensors;
}

export async function loraSource(
  tensors: ReadonlyMap<string, RawTensor>,
  strength = 1,
  metadata?: Record<string, string>,
): Promise<LoraSource> {
  return { file: sourceFile('style.safetensors', await rawSafetensors(tensors, metadata)), strength };
}

/** up · down, [out, in]. */
export function productOf({ out, inner, rank, down, up }: LoraLayer): Float64Array {
  return Float64Array.from({ length: out * inner }, (_, at) => {
    const [row, column] = [Math.floor(at / inner), at % inner];
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += up[row * rank + k]! * down[k * inner + column]!;
    return sum;
  });
}
