import { decodeModel } from '@flux-srpo/formats/onnx';
import { describe, expect, it } from 'vitest';
import { halfKernelCases, kernelCases } from '../../packages/runtime/src/ort/kernel-cases.ts';
import { checkedGraphs } from '../support/graphs.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';

/** Value by value, or values moved: operators that the self-test does not ask for. */
const PLAIN = ['Add', 'Cast', 'Mul', 'Reshape', 'Shape', 'Slice', 'Split', 'Transpose'];

/** Not asked for either, and only in float32: in T5, the VAE and the step cache. */
const PLAIN_IN_FLOAT32 = ['Abs', 'Div', 'QuickGelu', 'ReduceMean', 'Resize', 'Sigmoid', 'Softmax', 'Sub'];

/** Graphs in halves compute these in float32. */
const WIDE_IN_HALVES = ['LayerNormalization'];

function operators(graphs: Iterable<Uint8Array>): Set<string> {
  return new Set([...graphs].flatMap((bytes) => decodeModel(bytes).graph!.node.map(({ opType }) => opType)));
}

/** Oracle: the graphs of each weight class. An operator that is new in them must be asked for. */
describe("the self-test's questions", async () => {
  const graphs = await checkedGraphs(readNodeFixture);
  const asked = operators(kernelCases().map(({ graph }) => graph()));
  const askedInHalves = operators(halfKernelCases().map(({ graph }) => graph()));

  it('have every operator of the graphs in float32, but for the plain ones', () => {
    const known = new Set([...asked, ...askedInHalves, ...PLAIN, ...PLAIN_IN_FLOAT32]);
    expect([...operators(graphs.values())].filter((op) => !known.has(op))).toEqual([]);
  });

  it('have every operator of the graphs in halves, but for the plain ones', () => {
    const halves = [...graphs].filter(([name]) => name.endsWith('.f16')).map(([, bytes]) => bytes);
    const known = new Set([...askedInHalves, ...PLAIN, ...WIDE_IN_HALVES]);
    expect(halves.length).toBeGreaterThan(0);
    expect([...operators(halves)].filter((op) => !known.has(op))).toEqual([]);
  });
});
