import { type Backend, createWasmBackend, createWebGpuBackend } from '@flux-srpo/runtime';
import { describe, expect, it } from 'vitest';
import {
  codeOf,
  graph,
  host,
  NOTHING,
  RELATIVE,
  relativeError,
  runTwice,
  twice,
  WEIGHT_BYTES,
} from '../support/linear-graph.ts';

/** The runtime's lower half in a real browser: the same small graph on wasm and on both WebGPU builds. */

const providers: [string, () => Promise<Backend>][] = [
  ['wasm', () => createWasmBackend()],
  ['webgpu (jspi)', () => createWebGpuBackend({ build: 'jspi', selfTest: false })],
  ['webgpu (asyncify)', () => createWebGpuBackend({ build: 'asyncify', selfTest: false })],
];

describe.each(providers)('%s', (name, create) => {
  it('computes what the loops compute, and holds nothing after the stage is closed', async () => {
    const backend = await create();
    const stage = await backend.openStage('test');
    expect(relativeError(await runTwice(stage), twice)).toBeLessThan(RELATIVE);

    const held = backend.ledger.snapshot();
    expect(held).toMatchObject({
      sessions: 1,
      tensors: 4,
      weightBytes: WEIGHT_BYTES,
    });
    expect(held.bytes).toBeGreaterThanOrEqual(held.weightBytes);
    if (backend.name === 'webgpu') expect(held.buffers).toBeGreaterThanOrEqual(4);

    await stage.close();
    await stage.close();
    expect(backend.ledger.snapshot()).toMatchObject(NOTHING);
    console.log(`${name}: peak ${backend.ledger.snapshot().peakBytes} bytes`);
  });

  it('runs what is asked for at once one after the other', async () => {
    const backend = await create();
    const stage = await backend.openStage('test');
    const results = await Promise.all(Array.from({ length: 8 }, () => runTwice(stage)));
    for (const result of results) expect(relativeError(result, twice)).toBeLessThan(RELATIVE);
    await backend.dispose();
    expect(backend.ledger.snapshot()).toMatchObject(NOTHING);
  });

  it('opens and closes 20 stages without leaving anything', async () => {
    const backend = await create();
    for (let i = 0; i < 20; i++) {
      const stage = await backend.openStage(`test ${i}`);
      expect(relativeError(await runTwice(stage), twice)).toBeLessThan(RELATIVE);
      await stage.close();
    }
    expect(backend.ledger.snapshot()).toMatchObject(NOTHING);
  });

  it('names the inputs when they are wrong, and goes on', async () => {
    const backend = await create();
    const stage = await backend.openStage('test');
    const session = await stage.session('linear', graph);
    expect(await codeOf(stage.run(session, { x: host.x! }))).toBe('inference/run');
    expect(relativeError(await runTwice(stage), twice)).toBeLessThan(RELATIVE);
    await backend.dispose();
  });
});
