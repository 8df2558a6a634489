import { FLUX1_DEV, type WeightClass } from '@flux-srpo/core';
import { buildGraph, CLASS_MAPS, type ClassOf, HALF_GRAPHS, planParts, resolveClass } from '@flux-srpo/export';
import { convertInMemory } from './bundle.ts';
import { PIPELINES, type ReadFixture, readPipelineFixture } from './fixture.ts';
import { synthesizeFolder } from './synthesize.ts';

const DTYPES: readonly WeightClass[] = ['f32', 'q8', 'q4', 'q4m', 'q4k'];

/**
 * Graphs with their weights inside differ only in where the weights are. One of each kind of block
 * is enough.
 */
const BAKED = 'a-3x32';

/**
 * Every graph that is checked with `onnx.checker` (test/reference/check_graphs.py):
 * `<bundle>/<graph>` → ONNX bytes. The fixtures' bundles in each weight class, one of them baked,
 * and FLUX.1 [dev] at its real size.
 */
export async function checkedGraphs(read: ReadFixture): Promise<Map<string, Uint8Array>> {
  const graphs = new Map<string, Uint8Array>();
  for (const name of PIPELINES) {
    const folder = await synthesizeFolder(read, await readPipelineFixture(read, name));
    for (const dtype of DTYPES) {
      addGraphs(graphs, `${name}-${dtype}`, await convertInMemory(folder, { dtype }));
      if (name === BAKED)
        addGraphs(graphs, `${name}-${dtype}-baked`, await convertInMemory(folder, { dtype, bake: true }));
    }
  }
  for (const dtype of DTYPES) {
    for (const graph of new Set(planParts(FLUX1_DEV).flatMap((part) => part.graph ?? []))) {
      const classOf: ClassOf = (slot) => resolveClass(CLASS_MAPS[dtype], slot).used;
      graphs.set(`flux1-dev-${dtype}/${graph}`, buildGraph(graph, FLUX1_DEV, classOf).bytes);
      if (HALF_GRAPHS.includes(graph)) {
        graphs.set(`flux1-dev-${dtype}/${graph}.f16`, buildGraph(graph, FLUX1_DEV, classOf, 'f16').bytes);
      }
    }
  }
  return graphs;
}

function addGraphs(graphs: Map<string, Uint8Array>, bundle: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [path, bytes] of files) {
    const graph = /^graphs\/(.+)\.onnx$/.exec(path)?.[1];
    if (graph !== undefined) graphs.set(`${bundle}/${graph}`, bytes);
  }
}
