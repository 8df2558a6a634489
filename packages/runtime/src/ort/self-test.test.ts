import { afterAll, describe, expect, it } from 'vitest';
import type { AdapterReport } from './adapter.ts';
import type { HalfGraphs } from './half-graphs.ts';
import { kernelGraph } from './kernel-graph.ts';
import { type Rung, rungsOf } from './ladder.ts';
import { memoryVerdictStore } from './memory-verdict-store.ts';
import { createNodeBackend } from './node.ts';
import { type SelfTestOptions, type SelfTestSubject, selfTest } from './self-test.ts';

/**
 * The ladder, with the kernels of onnxruntime-node standing in for a GPU's: they are right, so
 * whatever is wrong was planted.
 */
const adapter: AdapterReport = {
  vendor: 'test',
  architecture: 'test',
  device: '',
  description: '',
  isFallback: false,
  features: ['subgroups'],
  limits: {},
  subgroupMinSize: 32,
  subgroupMaxSize: 32,
};

const backend = await createNodeBackend({ threads: 1 });
afterAll(() => backend.dispose());

/** A subject that notes which rungs were tried. */
function subjectOf(report: AdapterReport): SelfTestSubject & { tried: Rung[] } {
  const tried: Rung[] = [];
  return {
    adapter: report,
    rungs: rungsOf(report),
    runtimeVersion: '1.30.0',
    tried,
    openStage: (label, rung, onProgram) => {
      tried.push(rung);
      onProgram(`Program on ${rung}`);
      return backend.openStage(label);
    },
  };
}

/** Makes one kernel wrong in one value by `amount`, on these rungs. */
function plant(kernel: string, amount: number, ...rungs: string[]): SelfTestOptions {
  return {
    store: memoryVerdictStore(),
    tamper: (asked, rung, output) => {
      if (asked === kernel && rungs.includes(rung)) output[output.length - 1]! += amount;
    },
  };
}

/** Each test runs every kernel once or twice; on a busy machine that takes seconds. */
describe('the self-test', { timeout: 60_000 }, () => {
  it('stays on the first rung when every kernel is right', async () => {
    const subject = subjectOf(adapter);
    const verdict = await selfTest(subject, { store: memoryVerdictStore() });
    expect(verdict).toMatchObject({ rung: 'subgroups', precision: 'f32', steppedDown: [], remembered: false });
    expect(Object.keys(verdict.errors)).toHaveLength(15);
    expect(subject.tried).toEqual(['subgroups']);
    expect(verdict.programs).toEqual(['Program on subgroups']);
  });

  it.each(['rms norm', 'q4 linear [70, 256] to 128', 'convolution 3x3'])(
    'steps down when %s is wrong with subgroups',
    async (kernel) => {
      const subject = subjectOf(adapter);
      const verdict = await selfTest(subject, plant(kernel, 1, 'subgroups'));
      expect(verdict.rung).toBe('no-subgroups');
      expect(verdict.steppedDown).toEqual([expect.stringContaining(`subgroups: ${kernel} is off by`)]);
      expect(subject.tried).toEqual(['subgroups', 'no-subgroups']);
    },
  );

  it.each([1, Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses an error of %s on every rung, naming the kernel',
    async (amount) => {
      const refused = selfTest(subjectOf(adapter), plant('rotary embedding', amount, 'subgroups', 'no-subgroups'));
      await expect(refused).rejects.toMatchObject({
        name: 'DeviceError',
        code: 'device/self-test-failed',
        message: expect.stringContaining('rotary embedding'),
        details: { kernel: 'rotary embedding' },
      });
      expect(backend.ledger.snapshot()).toMatchObject({ sessions: 0, tensors: 0, bytes: 0 });
    },
  );

  it('accepts half precision where the adapter has it and its kernels are right', async () => {
    const halves = subjectOf({ ...adapter, features: ['subgroups', 'shader-f16'] });
    const verdict = await selfTest(halves, { store: memoryVerdictStore() });
    expect(verdict).toMatchObject({ rung: 'subgroups', precision: 'f16', steppedDown: [] });
    expect(Object.keys(verdict.errors).filter((kernel) => kernel.endsWith('in halves'))).toHaveLength(8);
    // One stage for float32, one for halves.
    expect(halves.tried).toEqual(['subgroups', 'subgroups']);
  });

  it.each(['gelu in halves', 'attention 2x128, 96 queries, 160 keys in halves'])(
    'keeps float32, and its rung, when %s is wrong',
    async (kernel) => {
      const halves = subjectOf({ ...adapter, features: ['subgroups', 'shader-f16'] });
      const verdict = await selfTest(halves, plant(kernel, 10, 'subgroups'));
      expect(verdict).toMatchObject({ rung: 'subgroups', precision: 'f32' });
      expect(verdict.steppedDown).toEqual([
        expect.stringContaining(`subgroups in half precision: ${kernel} is off by`),
      ]);
      expect(Object.keys(verdict.errors)).toHaveLength(15);
    },
  );

  it('sees an error a hundredth of a wrong kernel, and not one that rounding makes', async () => {
    const small = await selfTest(subjectOf(adapter), plant('rms norm', 1e-5, 'subgroups'));
    expect(small.rung).toBe('subgroups');
    const large = await selfTest(subjectOf(adapter), plant('rms norm', 1e-2, 'subgroups'));
    expect(large.rung).toBe('no-subgroups');
  });

  describe("with a model's graphs in halves", () => {
    const halves = { ...adapter, features: ['subgroups', 'shader-f16'] };

    /** One graph, y = x·x, in both precisions. */
    function graphsOf(identity: string, f16?: Uint8Array): HalfGraphs {
      const feeds = { x: { dtype: 'float32', dims: [96], data: new Float32Array(96) } } as const;
      const node = { op: 'Mul', inputs: ['x', 'x'] };
      const graph = (isHalf: boolean) => kernelGraph({ ...node, isHalf }, feeds, [96]);
      return {
        identity,
        names: ['square'],
        read: async (_name, precision) => (precision === 'f16' ? (f16 ?? graph(true)) : graph(false)),
      };
    }

    it('accepts half precision where each agrees with its twin', async () => {
      const subject = { ...subjectOf(halves), halfGraphs: graphsOf('a') };
      const verdict = await selfTest(subject, { store: memoryVerdictStore() });
      expect(verdict).toMatchObject({ precision: 'f16', steppedDown: [] });
      // A half has 11 significant bits: rounding x and x² is an error near 2^-10 at most.
      expect(verdict.errors['square in halves']).toBeLessThan(2 ** -9);
    });

    it('keeps float32, and its rung, when one does not run, and says which', async () => {
      const subject = { ...subjectOf(halves), halfGraphs: graphsOf('b', new Uint8Array([1])) };
      const verdict = await selfTest(subject, { store: memoryVerdictStore() });
      expect(verdict).toMatchObject({ rung: 'subgroups', precision: 'f32' });
      expect(verdict.steppedDown).toEqual([
        expect.stringMatching(/^subgroups in half precision: square in halves did not run/),
      ]);
    });

    it('keeps float32 when one is wrong', async () => {
      const subject = { ...subjectOf(halves), halfGraphs: graphsOf('c') };
      const verdict = await selfTest(subject, plant('square in halves', 0.1, 'subgroups'));
      expect(verdict).toMatchObject({ rung: 'subgroups', precision: 'f32' });
      expect(verdict.steppedDown).toEqual([expect.stringContaining('square in halves is off by')]);
    });

    it('asks each set of graphs once', async () => {
      const store = memoryVerdictStore();
      const ask = (identity: string) => selfTest({ ...subjectOf(halves), halfGraphs: graphsOf(identity) }, { store });
      expect(await ask('d')).toMatchObject({ remembered: false });
      expect(await ask('e')).toMatchObject({ remembered: false });
      expect(await ask('d')).toMatchObject({ remembered: true });
    });
  });

  it('steps down when a kernel cannot run at all', async () => {
    const subject = subjectOf(adapter);
    const openStage: SelfTestSubject['openStage'] = async (label, rung, onProgram) => {
      const stage = await subject.openStage(label, rung, onProgram);
      return rung === 'subgroups'
        ? { ...stage, session: (graph) => stage.session(graph, async () => new Uint8Array([1])) }
        : stage;
    };
    const verdict = await selfTest({ ...subject, openStage }, { store: memoryVerdictStore() });
    expect(verdict.rung).toBe('no-subgroups');
    expect(verdict.steppedDown[0]).toContain('could not be loaded');
  });

  describe('with subgroup matrices', () => {
    const matrices = ['subgroups', 'shader-f16', 'chromium-experimental-subgroup-matrix'];

    it('uses them where all kernels are right, in halves too', async () => {
      const subject = subjectOf({ ...adapter, features: matrices });
      const verdict = await selfTest(subject, { store: memoryVerdictStore() });
      expect(verdict).toMatchObject({ rung: 'matrices', precision: 'f16', steppedDown: [] });
      expect(subject.tried).toEqual(['matrices', 'matrices']);
    });

    it.each(['q4 linear [70, 256] to 128', 'q4 linear [70, 256] to 128 in halves'])(
      'leaves them, and keeps halves, when %s is wrong with them',
      async (kernel) => {
        const subject = subjectOf({ ...adapter, features: matrices });
        const verdict = await selfTest(subject, plant(kernel, 100, 'matrices'));
        expect(verdict).toMatchObject({ rung: 'subgroups', precision: 'f16', programs: ['Program on subgroups'] });
        expect(verdict.steppedDown).toEqual([expect.stringMatching(/^matrices.* is off by/)]);
      },
    );

    it.each<[string, Rung[], string[], number]>([
      ['no subgroups', ['no-subgroups'], matrices.slice(1), 32],
      ['subgroups of 4 lanes', ['no-subgroups'], matrices, 4],
      ['no halves', ['subgroups', 'no-subgroups'], ['subgroups', matrices[2]!], 32],
    ])('does not try them with %s', (_name, rungs, features, subgroupMinSize) => {
      expect(rungsOf({ ...adapter, features, subgroupMinSize })).toEqual(rungs);
    });

    it('tries nothing above the rung that it is given', () => {
      const rungs = rungsOf({ ...adapter, features: matrices }, 'subgroups');
      expect(rungs).toEqual(['subgroups', 'no-subgroups']);
    });
  });

  it('never tries subgroups of 4 lanes, or where there are none', async () => {
    const narrow = subjectOf({ ...adapter, subgroupMinSize: 4 });
    await selfTest(narrow, { store: memoryVerdictStore() });
    const none = subjectOf({ ...adapter, features: [] });
    await selfTest(none, { store: memoryVerdictStore() });
    expect([...narrow.tried, ...none.tried]).toEqual(['no-subgroups', 'no-subgroups']);
  });

  it('asks each adapter and runtime once', async () => {
    const store = memoryVerdictStore();
    const first = subjectOf(adapter);
    await selfTest(first, { store });
    expect(await selfTest(first, { store })).toMatchObject({ rung: 'subgroups', remembered: true });
    expect(first.tried).toHaveLength(1);
    const updated = { ...first, runtimeVersion: '1.31.0' };
    expect(await selfTest(updated, { store })).toMatchObject({ remembered: false });
    const mended = { ...first, shaderFix: 'loop-variables' as const };
    expect(await selfTest(mended, { store })).toMatchObject({ shaderFix: 'loop-variables', remembered: false });
    expect(await selfTest(mended, { store })).toMatchObject({ shaderFix: 'loop-variables', remembered: true });
    const other = subjectOf({ ...adapter, vendor: 'other' });
    expect(await selfTest(other, { store })).toMatchObject({ remembered: false });
  });

  it('asks again when what was remembered is no verdict', async () => {
    const store = { get: async () => ({ rung: 'gpu', errors: null }), set: async () => {} };
    expect(await selfTest(subjectOf(adapter), { store })).toMatchObject({ remembered: false });
  });
});
