import { createNodeEngine, type NodeEngine } from '@flux-srpo/cli';
import { createPipeline } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { type BundleFolder, convertInMemory, openInMemory } from './bundle.ts';
import { readPipelineFixture } from './fixture.ts';
import { readNodeFixture } from './node-fixtures.ts';
import { synthesizeFolder } from './synthesize.ts';

/** A whole pipeline of a few hundred kilobytes: random weights, real graphs. */
export async function tinyBundle(name: 'a-3x32' | 'b-2x64' = 'a-3x32'): Promise<BundleFolder> {
  const fixture = await readPipelineFixture(readNodeFixture, name);
  return convertInMemory(await synthesizeFolder(readNodeFixture, fixture), { dtype: 'f32' });
}

export interface OpenEngine extends AsyncDisposable {
  engine: NodeEngine;
}

export async function openEngine(files: BundleFolder, maxWaiting?: number): Promise<OpenEngine> {
  const pipeline = await createPipeline({ bundle: await openInMemory(files), backend: await createNodeBackend() });
  return { engine: createNodeEngine({ pipeline, maxWaiting }), [Symbol.asyncDispose]: () => pipeline.dispose() };
}

/** Not square, so that swapped sides show. Two steps, so that state kept between steps shows. */
export const SMALL = {
  model: 'flux-srpo-text-to-image',
  prompt: 'a red fox by the sea',
  size: '48x32',
  num_inference_steps: 2,
  max_sequence_length: 24,
} as const;
