import { DeviceError } from '@flux-srpo/core';
import { probeAdapter } from '@flux-srpo/runtime/device';
import { assertPage } from './assert-page.ts';
import type { Home } from './home.ts';

/** A machine that has named no adapter by then has none worth waiting for. */
const ADAPTER_TIMEOUT_MS = 700;

export const pageHome: Home = {
  assertCanCompute: assertPage,
  startWorker(url) {
    // The literal form is what bundlers look for.
    if (url === undefined) return new Worker(new URL('../worker.ts', import.meta.url), { type: 'module' });
    return new Worker(url, { type: 'module' });
  },
  probeAdapter: () => withTimeout(probeAdapter()),
};

function withTimeout<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new DeviceError(`WebGPU named no adapter within ${ADAPTER_TIMEOUT_MS} ms`, { code: 'device/no-webgpu' }),
        ),
      ADAPTER_TIMEOUT_MS,
    );
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
