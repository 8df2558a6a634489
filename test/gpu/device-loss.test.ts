import { createPipeline, createWebGpuBackend, openBundle } from '@flux-srpo/runtime';
import { folderBundle } from '@flux-srpo/runtime/node';
import { beforeEach, expect, it, vi } from 'vitest';
import { NOTHING } from '../support/linear-graph.ts';
import { missing } from './support/adapter.ts';

beforeEach(({ skip }) => skip(missing !== undefined, missing));

it('ends a generation with device/lost when its device dies, and leaves nothing', async () => {
  const backend = await createWebGpuBackend({ selfTest: false });
  const pipeline = await createPipeline({ bundle: await openBundle(folderBundle('models/tiny/bundle')), backend });
  const devices: GPUDevice[] = [];
  const { requestDevice } = GPUAdapter.prototype;
  vi.spyOn(GPUAdapter.prototype, 'requestDevice').mockImplementation(async function (this: GPUAdapter, descriptor) {
    const device = await requestDevice.call(this, descriptor);
    devices.push(device);
    return device;
  });
  const generating = pipeline.generate(
    { prompt: 'a red cat', seed: 1, steps: 4 },
    { onProgress: ({ stage }) => stage === 'denoise' && devices.at(-1)!.destroy() },
  );
  await expect(generating).rejects.toMatchObject({ code: 'device/lost' });
  expect(devices.length).toBeGreaterThan(0);
  await pipeline.dispose();
  await backend.dispose();
  expect(backend.ledger.snapshot()).toMatchObject(NOTHING);
});
