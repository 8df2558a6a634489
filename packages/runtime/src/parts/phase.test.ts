import type { GraphPart, Residency } from '@flux-srpo/core';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { blobBundle } from '../../../../test/support/blob-bundle.ts';
import { memoryBundle, type TestTensor } from '../../../../test/support/memory-bundle.ts';
import { openBundle } from '../bundle/bundle.ts';
import { hostTensor } from '../host-tensor.ts';
import type { Backend } from '../ort/backend.ts';
import { kernelGraph } from '../ort/kernel-graph.ts';
import { createNodeBackend } from '../ort/node.ts';
import { type LoadedPart, Phase } from './phase.ts';

// Three parts that double, triple and quadruple two numbers, on the real runtime.

const FACTORS = { twice: 2, thrice: 3, fourfold: 4 } as const;
type Name = keyof typeof FACTORS;
const WEIGHT_BYTES = 16;
const NOTHING = { devices: 0, sessions: 0, tensors: 0, bytes: 0 };

const x = hostTensor([1, 2], Float32Array.of(1, 10));
const matrix = (factor: number) => hostTensor([2, 2], Float32Array.of(factor, 0, 0, factor));
const graph = kernelGraph({ op: 'MatMul', inputs: ['x', 'w.weight'] }, { x, 'w.weight': matrix(1) }, [1, 2]);
const tensorsOf = (factor: number): TestTensor[] => [
  { name: 'w.weight', dtype: 'F32', shape: [2, 2], bytes: new Uint8Array(matrix(factor).data.buffer) },
];

const real = await createNodeBackend({ threads: 1 });
/** A part's weights, packed. */
const PART_BYTES = Math.ceil(WEIGHT_BYTES * real.info.packing!);
const order: string[] = [];
/** Notes every run in the order in which they begin. */
const backend: Backend = {
  ...real,
  async openStage(label) {
    const stage = await real.openStage(label);
    return {
      ...stage,
      run(session, feeds, signal) {
        order.push('run');
        return stage.run(session, feeds, signal);
      },
    };
  },
};
const files = await memoryBundle({
  graphs: { matmul: graph },
  parts: Object.fromEntries(
    Object.entries(FACTORS).map(([name, factor]) => [name, { graph: 'matmul', tensors: tensorsOf(factor) }]),
  ),
});
let phase: Phase;
afterEach(async () => {
  await phase.close();
  order.length = 0;
  expect(real.ledger.snapshot()).toMatchObject(NOTHING);
});
afterAll(() => real.dispose());

async function begin(residency: Residency, signal?: AbortSignal): Promise<LoadedPart[]> {
  phase ??= new Phase(backend, await openBundle(blobBundle(files)), 'denoise');
  const loaded: LoadedPart[] = [];
  phase.begin(residency, { signal, onLoad: (part) => loaded.push(part) });
  return loaded;
}

/** As the core's table lists the parts of a model. */
function partOf(name: string, use: GraphPart['use'] = 'step'): GraphPart {
  return { name, use, graph: 'matmul', component: 'transformer', phase: 'denoise', classes: [] };
}

async function run(name: Name, next?: Name, use?: 'once'): Promise<number[]> {
  const { y } = await phase.run(partOf(name, use), { x }, ['y'], next && partOf(next));
  const values = await phase.read(y);
  y.dispose();
  return [...values];
}

const weightBytes = () => real.ledger.snapshot().weightBytes;

describe('a phase', () => {
  it('runs parts with their own weights, told once each and kept between generations', async () => {
    const loaded = await begin('keep');
    expect(await run('twice')).toEqual([2, 20]);
    expect(await run('thrice')).toEqual([3, 30]);
    expect(await run('twice')).toEqual([2, 20]);
    const told = (part: Name) => ({ phase: 'denoise', part, bytes: PART_BYTES });
    expect(loaded).toEqual([told('twice'), told('thrice')]);
    await phase.end();
    expect(phase.loadedBytes).toBe(2 * PART_BYTES);
    expect(await begin('keep')).toEqual([]);
    await run('twice');
    // The graph's own session, and one per part with its weights inside.
    expect(real.ledger.snapshot()).toMatchObject({ sessions: 3, weightBytes: 2 * PART_BYTES });
  });

  it('lets go of a part that runs once, and of everything at its end, where weights are released', async () => {
    await begin('release');
    await run('twice', undefined, 'once');
    expect(weightBytes()).toBe(0);
    await run('thrice');
    expect(weightBytes()).toBe(PART_BYTES);
    await phase.end();
    expect(real.ledger.snapshot()).toMatchObject(NOTHING);
  });

  it('has no more than the part that runs and the next on the device where weights are streamed', async () => {
    await begin('streamed');
    const names: Name[] = ['twice', 'thrice', 'fourfold'];
    for (let i = 0; i < 6; i++) {
      const [part, next] = [names[i % 3] as Name, names[(i + 1) % 3] as Name];
      expect(await run(part, next)).toEqual([FACTORS[part], 10 * FACTORS[part]]);
      expect(weightBytes()).toBeLessThanOrEqual(2 * PART_BYTES);
    }
    // While a part is packed its weights are there twice.
    expect(real.ledger.snapshot().peakWeightBytes).toBeLessThanOrEqual(3 * PART_BYTES);
  });

  it('begins nothing after an abort', async () => {
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    await begin('keep', controller.signal);
    await run('twice');
    controller.abort(reason);
    await expect(run('twice')).rejects.toBe(reason);
    await expect(run('thrice')).rejects.toBe(reason);
    expect(order).toEqual(['run']);
    expect(weightBytes()).toBe(PART_BYTES);
  });

  it('frees what a graph gives and nobody asked for', async () => {
    await begin('keep');
    await phase.run(partOf('twice'), { x }, []);
    expect(real.ledger.snapshot()).toMatchObject({ tensors: 0, bytes: PART_BYTES });
  });

  it('places data once for many runs', async () => {
    await begin('keep');
    const placed = await phase.place([1, 2], Float32Array.of(3, 4));
    for (let i = 0; i < 2; i++) {
      const { y } = await phase.run(partOf('twice'), { x: placed }, ['y']);
      expect([...(await phase.read(y))]).toEqual([6, 8]);
      y.dispose();
    }
    placed.dispose();
  });

  it('opens again after a failed load', async () => {
    await begin('keep');
    await expect(phase.run(partOf('nowhere'), { x }, ['y'])).rejects.toMatchObject({ code: 'model/file-missing' });
    expect(await run('twice')).toEqual([2, 20]);
  });
});
