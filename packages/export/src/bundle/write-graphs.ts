import type { Manifest, ModelConfig } from '@flux-srpo/core';
import { buildGraph, type ClassOf, HALF_GRAPHS, type PartPlan } from '../graphs/index.ts';
import type { BundleWriter } from './bundle-writer.ts';

/** Writes one graph per kind of block, and its variant in half precision where it has one. */
export async function writeGraphs(
  writer: BundleWriter,
  plan: readonly PartPlan[],
  config: ModelConfig,
  classOf: ClassOf,
): Promise<Required<Pick<Manifest, 'graphs' | 'graphs_f16'>>> {
  const graphs: Record<string, string> = {};
  const graphs_f16: Record<string, string> = {};
  for (const { graph } of plan) {
    if (graph === undefined || Object.hasOwn(graphs, graph)) continue;
    graphs[graph] = `graphs/${graph}.onnx`;
    await writer.write(graphs[graph], buildGraph(graph, config, classOf).bytes);
    if (!HALF_GRAPHS.includes(graph)) continue;
    graphs_f16[graph] = `graphs/${graph}.f16.onnx`;
    await writer.write(graphs_f16[graph], buildGraph(graph, config, classOf, 'f16').bytes);
  }
  return { graphs, graphs_f16 };
}
