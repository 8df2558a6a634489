import type { WeightClass } from '@flux-srpo/core';
import { halfGraphsOf } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { afterAll, describe, expect, it } from 'vitest';
import type { HalfGraphs } from '../../packages/runtime/src/ort/half-graphs.ts';
import { twinCases } from '../../packages/runtime/src/ort/twin-cases.ts';
import { convertInMemory, openInMemory } from '../support/bundle.ts';
import { readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { synthesizeFolder } from '../support/synthesize.ts';

/**
 * What rounding to halves makes of a block, with exact sums: 2e-4 to 7e-4 seen. The self-test
 * allows ten times as much, for GPUs add in halves too.
 */
const ROUNDING = 1e-3;

/** Oracle: the same graph in float32, on onnxruntime-node. */
describe("a model's graphs in halves", async () => {
  const backend = await createNodeBackend({ threads: 1 });
  afterAll(() => backend.dispose());
  const fixture = await readPipelineFixture(readNodeFixture, 'a-3x32');
  const folder = await synthesizeFolder(readNodeFixture, fixture);

  async function graphsOf(dtype: WeightClass): Promise<HalfGraphs> {
    return halfGraphsOf(await openInMemory(await convertInMemory(folder, { dtype })))!;
  }

  /** The error of each graph, relative to its largest output. */
  async function errorsOf(graphs: HalfGraphs): Promise<Map<string, number>> {
    const stage = await backend.openStage('twins');
    const errors = new Map<string, number>();
    for (const { kernel, ask } of twinCases(graphs)) {
      const { got, want } = await ask(stage);
      expect(got).toHaveLength(want.length);
      const largest = want.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      const error = want.reduce((max, value, i) => Math.max(max, Math.abs(value - got[i]!)), 0);
      errors.set(kernel, error / largest);
    }
    await stage.close();
    return errors;
  }

  it.each<WeightClass>(['f32', 'q8', 'q4', 'q4m', 'q4k'])('agree with their twins in %s', async (dtype) => {
    const errors = await errorsOf(await graphsOf(dtype));
    expect([...errors.keys()]).toEqual(['t5_layer in halves', 'double_block in halves', 'single_block in halves']);
    for (const [kernel, error] of errors) {
      expect(error, kernel).toBeLessThan(ROUNDING);
      expect(error, kernel).toBeGreaterThan(0);
    }
  });

  it('are remembered under other words where a graph differs', async () => {
    const identities = await Promise.all([graphsOf('q4'), graphsOf('q4m'), graphsOf('q4')]);
    const [q4, q4m, again] = identities.map(({ identity }) => identity);
    expect(again).toBe(q4);
    expect(q4m).not.toBe(q4);
  });
});
