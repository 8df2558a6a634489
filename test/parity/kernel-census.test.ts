import { FLUX1_DEV } from '@flux-srpo/core';
import { buildGraph, CLASS_MAPS, type ClassOf, planParts, resolveClass } from '@flux-srpo/export';
import { expect, it } from 'vitest';
import { graphDispatches } from '../../bench/support/graph-dispatches.ts';

const SIZES = { S_img: 4096, S_txt: 512, S: 4608 };
const STEP = /^(embed_image|double_block|join_streams|single_block|final_layer)/;

const classOf =
  (dtype: 'q4' | 'q4m'): ClassOf =>
  (slot) =>
    resolveClass(CLASS_MAPS[dtype], slot).used;

it('counts the dispatches of a step as the runtime makes them', () => {
  const known = new Map<string, number>();
  const countOf = (graph: string): number => {
    const count = known.get(graph) ?? graphDispatches(buildGraph(graph, FLUX1_DEV, classOf('q4')).bytes, SIZES).length;
    known.set(graph, count);
    return count;
  };
  const graphs = planParts(FLUX1_DEV).flatMap(({ graph }) => (graph !== undefined && STEP.test(graph) ? [graph] : []));
  // Oracle: bench/overhead.ts, which counted them in Chromium, q4 in float32 at 1024×1024.
  expect(graphs.reduce((sum, graph) => sum + countOf(graph), 0)).toBe(1868);
});

it('knows the workgroups of a double block in halves', () => {
  const { bytes } = buildGraph('double_block', FLUX1_DEV, classOf('q4m'), 'f16');
  const dispatches = graphDispatches(bytes, SIZES);
  const most = (kernel: string) =>
    Math.max(...dispatches.flatMap((each) => (each.kernel === kernel ? [each.workgroups] : [])));
  // Oracle: onnxruntime-web 1.30 on Dawn, which dispatched 94 times; those above 65535 as squares.
  expect(dispatches).toHaveLength(94);
  expect(most('MatMulNBitsWideTile')).toBe(48 * 128);
  expect(most('FlashAttention')).toBe(1536);
  expect(most('CopyKVCache')).toBe(55296);
  expect(most('LayerNorm')).toBeLessThanOrEqual(314 * 314);
  expect(most('Concat')).toBeLessThanOrEqual(647 * 647);
});
