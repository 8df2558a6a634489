import { sha256Hex } from '@flux-srpo/formats';
import { describe, expect, it } from 'vitest';
import { requireHarmless } from '../../packages/runtime/src/bundle/harmless-graph.ts';
import { checkedGraphs } from '../support/graphs.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';

interface Report {
  graphs: Record<string, { sha256: string; bytes: number }>;
}

describe('graphs', () => {
  it('are the ones that onnx.checker, strict shape inference and onnxruntime accepted', async () => {
    // test/reference/check_graphs.py wrote the report. After a change of a graph, run it again and
    // commit the new report.
    const report = JSON.parse(new TextDecoder().decode(await readNodeFixture('graphs-report.json'))) as Report;
    const hashes = new Map<string, string>();
    for (const [name, bytes] of await checkedGraphs(readNodeFixture)) {
      hashes.set(name, await sha256Hex(bytes));
      // What runs a bundle refuses operators that it does not know.
      requireHarmless(name, bytes);
    }
    const checked = new Map(Object.entries(report.graphs).map(([name, { sha256 }]) => [name, sha256]));
    expect(Object.fromEntries(hashes)).toEqual(Object.fromEntries(checked));
  });
});
