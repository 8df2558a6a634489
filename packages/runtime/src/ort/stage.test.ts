import * as ort from 'onnxruntime-node';
import { afterEach, describe, expect, it } from 'vitest';
import {
  graph,
  host,
  NOTHING,
  RELATIVE,
  relativeError,
  runTwice,
  twice,
  upload,
  WEIGHT_BYTES,
} from '../../../../test/support/linear-graph.ts';
import type { BackendHooks, DeviceTensor, Stage } from './backend.ts';
import { createCpuBackend } from './cpu-backend.ts';
import { createNodeBackend } from './node.ts';

const backend = await createNodeBackend({ threads: 1 });
afterEach(async () => {
  await backend.dispose();
  expect(backend.ledger.snapshot()).toMatchObject(NOTHING);
});

const bytes = (stage: Stage, length = 16) =>
  stage.upload('float32', [length / 4], async (write) => write(0, new Uint8Array(length)));

describe('a stage', () => {
  it('computes what the loops compute from weights uploaded in pieces', async () => {
    const stage = await backend.openStage('test');
    expect(relativeError(await runTwice(stage), twice)).toBeLessThan(RELATIVE);
  });

  it('loads a graph once, however often and at once it is asked for', async () => {
    const stage = await backend.openStage('test');
    let loads = 0;
    const load = () => {
      loads++;
      return graph();
    };
    const [first, second] = await Promise.all([stage.session('linear', load), stage.session('linear', load)]);
    expect(first).toBe(second);
    expect(await stage.session('linear', load)).toBe(first);
    expect(loads).toBe(1);
    expect(backend.ledger.snapshot().sessions).toBe(1);
  });

  it('says what a graph takes, with dtypes and shapes', async () => {
    const stage = await backend.openStage('test');
    const session = await stage.session('linear', graph);
    expect(session.outputs).toEqual(['y']);
    expect(session.inputs).toEqual([
      { name: 'x', dtype: 'float32', dims: [1, 5, 64] },
      { name: 'weight', dtype: 'uint8', dims: [64, 2, 16] },
      { name: 'scales', dtype: 'float32', dims: [64, 2] },
      { name: 'bias', dtype: 'float32', dims: [64] },
    ]);
  });

  it('runs the same with the weights inside, whose tensors may be written over afterwards', async () => {
    const stage = await backend.openStage('test');
    const names = ['weight', 'scales', 'bias'];
    const views: Uint8Array[] = [];
    const weights: Record<string, DeviceTensor> = {};
    for (const name of names) {
      const { dtype, dims, data } = host[name]!;
      weights[name] = await stage.upload(dtype, dims, async (write) =>
        write(0, new Uint8Array(data.buffer as ArrayBuffer)),
      );
      const { data: held } = (weights[name] as unknown as { tensor: { data: Uint8Array } }).tensor;
      views.push(new Uint8Array(held.buffer));
    }
    const packed = await stage.pack!('linear', graph, weights);
    expect(packed.inputs.map(({ name }) => name)).toEqual(['x']);
    for (const view of views) view.fill(255);
    for (const tensor of Object.values(weights)) tensor.dispose();
    const { y } = await stage.run(packed, { x: host.x! });
    expect(relativeError(await stage.read((await stage.run(packed, { x: y! })).y!), twice)).toBeLessThan(RELATIVE);
    expect(backend.ledger.snapshot().weightBytes).toBe(packed.bytes);
    expect(packed.bytes).toBe(Math.ceil(WEIGHT_BYTES * backend.info.packing!));
    packed.dispose();
    await stage.close();
  });

  it.each([4, '4-wide'] as const)('rounds activations to 8 bits at accuracy level %s', async (accuracyLevel) => {
    const rough = await createNodeBackend({ threads: 1, accuracyLevel });
    const stage = await rough.openStage('test');
    const { x, ...weights } = host;
    const tensors: Record<string, DeviceTensor> = {};
    for (const name of Object.keys(weights)) tensors[name] = await upload(stage, name);
    const packed = await stage.pack!('linear', graph, tensors);
    const { y } = await stage.run(packed, { x: x! });
    const error = relativeError(await stage.read((await stage.run(packed, { x: y! })).y!), twice);
    // 8 bits with a scale per block: steps of 1/127 of its largest, in the weights too if wide.
    expect(error).toBeLessThan(accuracyLevel === 4 ? 2e-2 : 4e-2);
    expect(error).toBeGreaterThan(1e-4);
    expect(packed.bytes).toBe(Math.ceil(WEIGHT_BYTES * rough.info.packing!));
    await rough.dispose();
  });

  it('tries a graph again after it could not be loaded', async () => {
    const stage = await backend.openStage('test');
    const broken = stage.session('linear', async () => new Uint8Array([1, 2, 3]));
    await expect(broken).rejects.toMatchObject({
      code: 'inference/session-create',
      details: { graph: 'linear', stage: 'test' },
    });
    await expect(stage.session('linear', graph)).resolves.toMatchObject({ graph: 'linear' });
  });

  it('passes on what the reader of a graph throws', async () => {
    const stage = await backend.openStage('test');
    const error = new Error('disk');
    await expect(stage.session('linear', () => Promise.reject(error))).rejects.toBe(error);
  });

  it('names missing and unexpected feeds', async () => {
    const stage = await backend.openStage('test');
    const session = await stage.session('linear', graph);
    const { bias: _bias, ...rest } = host;
    await expect(stage.run(session, { ...rest, Bias: host.bias! })).rejects.toMatchObject({
      code: 'inference/run',
      details: { graph: 'linear', missing: ['bias'], unexpected: ['Bias'] },
    });
  });

  it('gives inference/run with the cause for a feed of the wrong shape, and a new session after it', async () => {
    const stage = await backend.openStage('test');
    const session = await stage.session('linear', graph);
    const short = { dtype: 'float32' as const, dims: [63], data: new Float32Array(63) };
    await expect(stage.run(session, { ...host, bias: short })).rejects.toMatchObject({
      code: 'inference/run',
      cause: expect.any(Error),
    });
    await expect(stage.run(session, host)).rejects.toThrow('ask the stage again');
    await expect(stage.run(await stage.session('linear', graph), host)).resolves.toHaveProperty('y');
  });

  it('lets a tensor be disposed while a run that reads it is queued', async () => {
    const stage = await backend.openStage('test');
    const session = await stage.session('linear', graph);
    const first = await stage.run(session, host);
    const running = stage.run(session, { ...host, x: first.y! });
    first.y!.dispose();
    const { y } = await running;
    expect(relativeError(await stage.read(y!), twice)).toBeLessThan(RELATIVE);
  });

  it('says that a tensor is gone', async () => {
    const stage = await backend.openStage('test');
    const tensor = await bytes(stage);
    tensor.dispose();
    tensor.dispose();
    expect(backend.ledger.snapshot().tensors).toBe(0);
    await expect(stage.read(tensor)).rejects.toThrow('used after dispose()');
  });

  it('holds nothing after an upload whose source failed', async () => {
    const stage = await backend.openStage('test');
    const failing = stage.upload('float32', [4], () => Promise.reject(new Error('disk')));
    await expect(failing).rejects.toThrow('disk');
    expect(backend.ledger.snapshot().tensors).toBe(0);
  });

  it('refuses everything after it was closed, and closes twice', async () => {
    const stage = await backend.openStage('test');
    const session = await stage.session('linear', graph);
    await Promise.all([stage.close(), stage.close()]);
    const closed = 'stage "test" is closed';
    await expect(stage.session('linear', graph)).rejects.toThrow(closed);
    await expect(stage.run(session, host)).rejects.toThrow(closed);
    await expect(bytes(stage)).rejects.toThrow(closed);
  });

  it('waits for the run in flight when it is closed, and holds nothing of it', async () => {
    const stage = await backend.openStage('test');
    const session = await stage.session('linear', graph);
    const running = stage.run(session, host);
    const queued = stage.run(session, host);
    await Promise.resolve();
    await stage.close();
    await expect(running).resolves.toHaveProperty('y');
    await expect(queued).rejects.toThrow('is closed');
    expect(backend.ledger.snapshot()).toMatchObject(NOTHING);
  });

  it('stops an upload when it is closed meanwhile', async () => {
    const stage = await backend.openStage('test');
    const uploading = stage.upload('float32', [4], async (write) => {
      await stage.close();
      write(0, new Uint8Array(16));
    });
    await expect(uploading).rejects.toThrow('is closed');
    const silent = await backend.openStage('test');
    await expect(silent.upload('float32', [4], () => silent.close())).rejects.toThrow('is closed');
  });

  describe('with hooks', () => {
    const hooked = (hooks: BackendHooks) =>
      createCpuBackend({
        name: 'node',
        precision: 'f32',
        ort,
        runtimeVersion: 'any',
        sessionOptions: { executionProviders: ['cpu'] },
        hooks,
      });

    it('counts graphs, uploads, runs and reads that have ended, well or not', async () => {
      let finished = 0;
      const own = hooked({ onFinished: () => finished++ });
      const stage = await own.openStage('test');
      const session = await stage.session('linear', graph);
      const { y } = await stage.run(session, host);
      await stage.read(y!);
      await bytes(stage);
      expect(finished).toBe(4);
      await expect(stage.upload('float32', [4], () => Promise.reject(new Error('disk')))).rejects.toThrow('disk');
      await expect(stage.run(session, {})).rejects.toMatchObject({ code: 'inference/run' });
      expect(finished).toBe(6);
      await own.dispose();
    });

    it('waits before every run, and starts none whose signal aborts meanwhile', async () => {
      const controller = new AbortController();
      const reason = new Error('no longer wanted');
      let pauses = 0;
      const own = hooked({
        beforeRun: async () => {
          if (++pauses === 2) controller.abort(reason);
        },
      });
      const stage = await own.openStage('test');
      const session = await stage.session('linear', graph);
      const { y } = await stage.run(session, host, controller.signal);
      expect(y).toBeDefined();
      const { tensors } = own.ledger.snapshot();
      await expect(stage.run(session, host, controller.signal)).rejects.toBe(reason);
      expect(own.ledger.snapshot().tensors).toBe(tensors);
      expect(pauses).toBe(2);
      // The session is as good as before: an abort is no failure of the runtime.
      await expect(stage.run(session, host)).resolves.toHaveProperty('y');
      await own.dispose();
    });
  });

  it('is closed with its backend', async () => {
    const stage = await backend.openStage('test');
    await bytes(stage);
    await backend.dispose();
    await expect(bytes(stage)).rejects.toThrow('is closed');
  });
});
