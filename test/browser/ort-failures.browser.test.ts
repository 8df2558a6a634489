import type { FluxError } from '@flux-srpo/core';
import { createWebGpuBackend, memoryVerdictStore } from '@flux-srpo/runtime';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { codeOf, graph, host, NOTHING, RELATIVE, relativeError, runTwice, twice } from '../support/linear-graph.ts';

/**
 * Failures of GPUs, provoked on a real (software) GPU. The asyncify case is last, because it breaks
 * that build of the runtime for the rest of this page.
 */

afterEach(() => vi.restoreAllMocks());

/** A bias for 64 features. */
const TOO_SHORT = { dtype: 'float32' as const, dims: [63], data: new Float32Array(63) };

/** Hands out every device that is created, so that a test can destroy it. */
function catchDevices(): GPUDevice[] {
  const devices: GPUDevice[] = [];
  const requestDevice = GPUAdapter.prototype.requestDevice;
  vi.spyOn(GPUAdapter.prototype, 'requestDevice').mockImplementation(async function (this: GPUAdapter, descriptor) {
    const device = await requestDevice.call(this, descriptor);
    devices.push(device);
    return device;
  });
  return devices;
}

describe('the self-test', () => {
  it('passes on this adapter without subgroups, whose 4 lanes are known to be wrong, and is remembered', async () => {
    const store = memoryVerdictStore();
    const first = await createWebGpuBackend({ selfTest: { store } });
    console.info(`self-test: ${JSON.stringify(first.info.selfTest?.errors)}`);
    expect(first.info.selfTest).toMatchObject({ rung: 'no-subgroups', steppedDown: [], remembered: false });
    expect(first.info.selfTest?.shaderFix).toBe(first.info.shaderFix);
    expect(first.ledger.snapshot()).toMatchObject(NOTHING);
    const devices = catchDevices();
    const second = await createWebGpuBackend({ selfTest: { store } });
    expect(second.info.selfTest).toMatchObject({ rung: 'no-subgroups', remembered: true });
    expect(devices.map(({ label }) => label)).toEqual(['shader probe']);
  });

  it('finds FlashAttention with 4-lane subgroups wrong when nothing warns it, steps down, and refuses if the last rung is wrong too', async () => {
    vi.spyOn(GPUAdapterInfo.prototype, 'subgroupMinSize', 'get').mockReturnValue(8);
    const creating = createWebGpuBackend({
      selfTest: {
        store: memoryVerdictStore(),
        tamper: (_kernel, rung, output) => {
          if (rung === 'no-subgroups') output[7]! += 1;
        },
      },
    });
    const error: unknown = await creating.catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'device/self-test-failed',
      details: { kernel: expect.stringMatching(/^attention/) },
    });
    const { steppedDown } = (error as FluxError).details as { steppedDown: string[] };
    console.info(steppedDown.join('\n'));
    // The driver itself causes the first failure (measured: off by 0.76). The second was planted.
    expect(steppedDown).toEqual([
      expect.stringMatching(/^subgroups: attention .* is off by [1-9].*e-1 /),
      expect.stringMatching(/^no-subgroups: attention .* is off by/),
    ]);
  });
});

describe('no WebGPU', () => {
  it('says so when the browser has none', async () => {
    vi.spyOn(Navigator.prototype, 'gpu', 'get').mockReturnValue(undefined as unknown as GPU);
    expect(await codeOf(createWebGpuBackend())).toBe('device/no-webgpu');
  });

  it('asks again for an adapter before it gives up', async () => {
    const request = vi.spyOn(GPU.prototype, 'requestAdapter').mockResolvedValueOnce(null).mockResolvedValueOnce(null);
    await createWebGpuBackend({ selfTest: false });
    expect(request).toHaveBeenCalledTimes(3);
    request.mockReset().mockResolvedValue(null);
    expect(await codeOf(createWebGpuBackend({ selfTest: false }))).toBe('device/no-webgpu');
    expect(request).toHaveBeenCalledTimes(4);
  });

  it('names the limit when the adapter has too little', async () => {
    const backend = await createWebGpuBackend({ selfTest: false, requiredLimits: { maxBufferSize: 2 ** 50 } });
    await expect(backend.openStage('test')).rejects.toMatchObject({
      code: 'device/limit-too-small',
      details: { limit: 'maxBufferSize', needed: 2 ** 50 },
    });
  });
});

describe('jspi', () => {
  it.each(['upload', 'run', 'read'])(
    'gives device/lost when the device dies before %s, and a new stage works',
    async (when) => {
      const backend = await createWebGpuBackend({ build: 'jspi', selfTest: false });
      const devices = catchDevices();
      const stage = await backend.openStage('test');
      expect(relativeError(await runTwice(stage), twice)).toBeLessThan(RELATIVE);
      const tensor = await stage.upload('float32', [16], async (write) => write(0, new Uint8Array(64)));
      const session = await stage.session('linear', graph);
      const feeds = Object.fromEntries(Object.entries(host));
      const acts: Record<string, () => Promise<unknown>> = {
        upload: () => stage.upload('float32', [16], async (write) => write(0, new Uint8Array(64))),
        run: async () => {
          const { y } = await stage.run(session, feeds);
          return stage.read(y!);
        },
        read: () => stage.read(tensor),
      };
      devices[0]!.destroy();
      expect(await codeOf(acts[when]!())).toBe('device/lost');
      await stage.close();
      expect(backend.ledger.snapshot()).toMatchObject(NOTHING);

      const again = await backend.openStage('again');
      expect(relativeError(await runTwice(again), twice)).toBeLessThan(RELATIVE);
      await backend.dispose();
      expect(backend.ledger.snapshot()).toMatchObject(NOTHING);
    },
  );

  it('gives device/lost when the device dies during a run', async () => {
    const backend = await createWebGpuBackend({ build: 'jspi', selfTest: false });
    const devices = catchDevices();
    const stage = await backend.openStage('test');
    await runTwice(stage);
    const { submit } = GPUQueue.prototype;
    vi.spyOn(GPUQueue.prototype, 'submit').mockImplementationOnce(function (this: GPUQueue, work) {
      submit.call(this, work);
      devices[0]!.destroy();
    });
    expect(await codeOf(runTwice(stage))).toBe('device/lost');
    await backend.dispose();
    expect(backend.ledger.snapshot()).toMatchObject(NOTHING);
  });

  it('gives device/out-of-memory for a buffer the GPU has no room for, and goes on in a new stage', async () => {
    const backend = await createWebGpuBackend({ build: 'jspi', selfTest: false });
    const devices = catchDevices();
    const stage = await backend.openStage('test');
    const { maxBufferSize } = devices[0]!.limits;
    const hold = [];
    const tooMuch = async () => {
      for (;;) hold.push(await stage.upload('uint8', [maxBufferSize], async () => {}));
    };
    expect(await codeOf(tooMuch())).toBe('device/out-of-memory');
    expect(hold.length).toBeLessThan(64);
    expect(await codeOf(stage.upload('uint8', [maxBufferSize + 16], async () => {}))).toBe('device/limit-too-small');
    await stage.close();
    expect(backend.ledger.snapshot()).toMatchObject(NOTHING);
    const again = await backend.openStage('again');
    expect(relativeError(await runTwice(again), twice)).toBeLessThan(RELATIVE);
    await backend.dispose();
  });

  it('gives inference/session-create for bytes that are no graph, and goes on', async () => {
    const backend = await createWebGpuBackend({ build: 'jspi', selfTest: false });
    const stage = await backend.openStage('test');
    expect(await codeOf(stage.session('broken', async () => new Uint8Array([1, 2, 3])))).toBe(
      'inference/session-create',
    );
    expect(relativeError(await runTwice(stage), twice)).toBeLessThan(RELATIVE);
    await backend.dispose();
  });

  it('gives inference/run for a feed of the wrong shape, and does not compute from it again', async () => {
    const backend = await createWebGpuBackend({ build: 'jspi', selfTest: false });
    const stage = await backend.openStage('test');
    const session = await stage.session('linear', graph);
    expect(await codeOf(stage.run(session, { ...host, bias: TOO_SHORT }))).toBe('inference/run');
    expect(relativeError(await runTwice(stage), twice)).toBeLessThan(RELATIVE);
    await backend.dispose();
    expect(backend.ledger.snapshot()).toMatchObject(NOTHING);
  });
});

describe('asyncify', () => {
  it('gives device/lost when the device dies, and holds nothing after', async () => {
    const backend = await createWebGpuBackend({ build: 'asyncify', selfTest: false });
    const devices = catchDevices();
    const stage = await backend.openStage('test');
    await runTwice(stage);
    devices[0]!.destroy();
    expect(await codeOf(runTwice(stage))).toBe('device/lost');
    await stage.close();
    expect(backend.ledger.snapshot()).toMatchObject(NOTHING);
  });

  it('ends with the first failed run: every later call says that the worker must be replaced', async () => {
    const backend = await createWebGpuBackend({ build: 'asyncify', selfTest: false });
    const stage = await backend.openStage('test');
    const session = await stage.session('linear', graph);
    expect(await codeOf(stage.run(session, { ...host, bias: TOO_SHORT }))).toBe('inference/run');
    expect(await codeOf(runTwice(stage))).toBe('device/worker-failed');
    await backend.dispose();
    expect(backend.ledger.snapshot()).toMatchObject(NOTHING);

    const again = await createWebGpuBackend({ build: 'asyncify', selfTest: false });
    const other = await again.openStage('again');
    expect(await codeOf(runTwice(other))).toBe('device/worker-failed');
    await again.dispose();
  });
});
