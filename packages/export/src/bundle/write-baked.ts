import { joinBytes } from '@flux-srpo/core';
import { e4m4ToF32, widen } from '@flux-srpo/formats';
import { type FixedInput, fixInputs } from '@flux-srpo/formats/onnx';
import type { BuiltGraph, PartPlan } from '../graphs/index.ts';
import { asBytes, type StoredTensor } from '../weights/block-tensors.ts';
import type { BundleWriter } from './bundle-writer.ts';

/** Writes a part's graph with its weights inside; returns its path. The part is in memory whole. */
export async function writeBaked(
  writer: BundleWriter,
  part: PartPlan,
  tensors: readonly StoredTensor[],
  { bytes, weights }: BuiltGraph,
): Promise<string> {
  const stored = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const inputs: FixedInput[] = [];
  for (const input of weights) inputs.push({ ...input, bytes: await graphBytes(stored.get(input.name)!) });
  const path = `graphs/${part.name}.onnx`;
  await writer.write(path, fixInputs(bytes, inputs));
  return path;
}

/** A tensor's bytes in the graph's dtype: floats are float32 there, whatever they are on disk. */
async function graphBytes(tensor: StoredTensor): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of tensor.bytes()) {
    if (tensor.isE4m4) pieces.push(asBytes(e4m4ToF32(piece)));
    else pieces.push(tensor.dtype === 'U8' ? piece : asBytes(widen(tensor.dtype, piece)));
  }
  return joinBytes(pieces);
}
