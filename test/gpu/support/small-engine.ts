import { createNodeEngine, type NodeEngine } from '@flux-srpo/cli';
import { type Backend, createPipeline } from '@flux-srpo/runtime';
import { expect } from 'vitest';
import { type BundleFolder, openInMemory } from '../../support/bundle.ts';
import { NOTHING } from '../../support/linear-graph.ts';

/** What `serve` answers with, over this backend. Whoever is done with it finds nothing left. */
export async function withEngine<T>(
  files: BundleFolder,
  backend: Backend,
  work: (engine: NodeEngine) => Promise<T>,
): Promise<T> {
  const pipeline = await createPipeline({ bundle: await openInMemory(files), backend });
  try {
    return await work(createNodeEngine({ pipeline }));
  } finally {
    await pipeline.dispose();
    expect(backend.ledger.snapshot()).toMatchObject(NOTHING);
  }
}
