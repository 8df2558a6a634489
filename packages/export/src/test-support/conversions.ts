import type { WeightClass } from '@flux-srpo/core';
import { expect } from 'vitest';
import { FLUX_SRPO_INFO } from '../bundle/bundle-info.ts';
import { convertPipeline } from '../convert/convert.ts';
import type { ConvertOptions, ConvertSummary } from '../convert/convert-options.ts';
import { combineSources, type ModelSources } from '../sources/combine-sources.ts';
import type { RawTensor } from './checkpoint-files.ts';
import { type MemoryBundle, memoryBundle } from './memory.ts';
import type { Tensor } from './tiny-pipeline.ts';

/** A conversion's bundle, what it answered, and what it said meanwhile. */
export interface Converted {
  bundle: MemoryBundle;
  summary: ConvertSummary;
  notices: { type: string; what?: string }[];
}

/** Says what the model is, so that only what its files leave open is assumed. */
export async function convert(
  sources: ModelSources,
  dtype: WeightClass = 'f32',
  options: Partial<ConvertOptions> = {},
): Promise<Converted> {
  const bundle = memoryBundle();
  const notices: Converted['notices'] = [];
  const onNotice = (notice: Converted['notices'][number]) => void notices.push(notice);
  const given = { info: FLUX_SRPO_INFO, ...options, dtype, onNotice };
  const summary = await convertPipeline(await combineSources(sources), bundle, given);
  return { bundle, summary, notices };
}

/** The same weights, file by file. */
export function expectSameWeights(a: Converted, b: Converted): void {
  const weightsOf = ({ bundle }: Converted) => [...bundle.files].filter(([path]) => path.startsWith('weights/'));
  expect(weightsOf(a).map(([path]) => path)).toEqual(weightsOf(b).map(([path]) => path));
  for (const [path, bytes] of weightsOf(a)) {
    // toEqual on the bytes takes seconds.
    expect([path, Buffer.compare(bytes, b.bundle.files.get(path)!)]).toEqual([path, 0]);
  }
}

/** Tensors as a file of float32 holds them. */
export function f32Tensors(tensors: ReadonlyMap<string, Tensor>): Map<string, RawTensor> {
  return new Map(
    [...tensors].map(([name, { shape, values }]) => [
      name,
      { dtype: 'F32', shape, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) },
    ]),
  );
}
