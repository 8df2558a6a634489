import { f16ToF32, f32ToF16 } from '@flux-srpo/formats';
import { type Backend, createWasmBackend, createWebGpuBackend, loadPart, openBundle } from '@flux-srpo/runtime';
import { describe, expect, it } from 'vitest';
import { blobBundle } from '../support/blob-bundle.ts';
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
import { memoryBundle } from '../support/memory-bundle.ts';

/**
 * The runtime's lower half in a real browser: the same small graph on wasm and on both WebGPU
 * builds.
 */

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
    console.info(`${name}: peak ${backend.ledger.snapshot().peakBytes} bytes`);
  });

  it('runs what is asked for at once one after the other', async () => {
    const backend = await create();
    const stage = await backend.openStage('test');
    const results = await Promise.all(Array.from({ length: 8 }, () => runTwice(stage)));
    for (const result of results) expect(relativeError(result, twice)).toBeLessThan(RELATIVE);
    await backend.dispose();
    expect(backend.ledger.snapshot()).toMatchObject(NOTHING);
  });

  it('loads a part from a bundle straight onto the device, widened', async () => {
    const backend = await create();
    const stage = await backend.openStage('test');
    const values = Float32Array.from({ length: 5001 }, (_, i) => i / 8);
    const half = f32ToF16(values);
    const files = await memoryBundle({
      parts: {
        'block.0': {
          tensors: [
            { name: 'a.weight', dtype: 'F16', shape: [5001], bytes: new Uint8Array(half.buffer) },
            { name: 'b.weight', dtype: 'F32', shape: [3, 1667], bytes: new Uint8Array(values.buffer) },
            // Seven bytes, because WebGPU writes multiples of four.
            { name: 'c.weight', dtype: 'U8', shape: [7], bytes: new Uint8Array(7) },
          ],
        },
      },
    });
    const bundle = await openBundle(blobBundle(files));
    const part = await loadPart(stage, bundle, 'block.0', [
      { name: 'a.weight', dtype: 'float32', dims: [5001] },
      { name: 'b.weight', dtype: 'float32', dims: [3, 1667] },
      { name: 'c.weight', dtype: 'uint8', dims: [7] },
    ]);
    expect(await stage.read(part.feeds['a.weight']!)).toEqual(f16ToF32(half));
    expect(await stage.read(part.feeds['b.weight']!)).toEqual(values);
    expect(backend.ledger.snapshot()).toMatchObject({ tensors: 3, weightBytes: 2 * 4 * 5001 + 7 });
    part.dispose();
    await stage.close();
    expect(backend.ledger.snapshot()).toMatchObject(NOTHING);
  });

  it('opens and closes ten stages without leaving anything', async () => {
    const backend = await create();
    for (let i = 0; i < 10; i++) {
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
