import { decodeModel } from '@flux-srpo/formats/onnx';
import { describe, expect, it } from 'vitest';
import { halfKernelCases, kernelCases } from '../../packages/runtime/src/ort/kernel-cases.ts';
import { checkedGraphs } from '../support/graphs.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';

/** Value by value, or values moved: operators that the self-test does not ask for. */
const PLAIN = ['Add', 'Cast', 'Mul', 'Reshape', 'Shape', 'Slice', 'Split', 'Transpose'].concat(
  // In T5, the VAE and the step cache.
  ['Abs', 'Div', 'QuickGelu', 'ReduceMean', 'Resize', 'Sigmoid', 'Softmax', 'Sub'],
);

function operators(graphs: Iterable<Uint8Array>): Set<string> {
  return new Set([...graphs].flatMap((bytes) => decodeModel(bytes).graph!.node.map(({ opType }) => opType)));
}

/**
 * Oracle: the graphs of each weight class. An operator that is new in them must be asked for.
 * Graphs in halves are asked whole (self-test-twins.test.ts).
 */
describe("the self-test's questions", async () => {
  const graphs = await checkedGraphs(readNodeFixture);
  const asked = operators(kernelCases().map(({ graph }) => graph()));
  const askedInHalves = operators(halfKernelCases().map(({ graph }) => graph()));

  it('have every operator of the graphs in float32, but for the plain ones', () => {
    const known = new Set([...asked, ...askedInHalves, ...PLAIN]);
    expect([...operators(graphs.values())].filter((op) => !known.has(op))).toEqual([]);
  });
});
