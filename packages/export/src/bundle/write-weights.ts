import type { BundlePart } from '@flux-srpo/core';
import { writeSafetensors } from '@flux-srpo/formats';
import type { PartPlan } from '../graphs/index.ts';
import type { StoredTensor } from '../weights/block-tensors.ts';
import type { BundleWriter } from './bundle-writer.ts';

/** Writes `weights/<part>.safetensors`, if there are weights. Returns the manifest's entry. */
export async function writeWeights(
  writer: BundleWriter,
  part: PartPlan,
  tensors: readonly StoredTensor[],
): Promise<BundlePart> {
  const entry = { name: part.name, ...(part.graph !== undefined && { graph: part.graph }) };
  if (tensors.length === 0) return entry;
  const weights = `weights/${part.name}.safetensors`;
  const file = await writer.create(weights);
  try {
    await writeSafetensors(file, tensors, (tensor) => tensor.bytes());
  } finally {
    await file.close();
  }
  return { ...entry, weights };
}
