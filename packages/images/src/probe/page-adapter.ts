import { DeviceError } from '@flux-srpo/core';
import { type AdapterReport, probeAdapter } from '@flux-srpo/runtime/device';

/** A machine that has named no adapter by then has none worth waiting for. */
const ADAPTER_TIMEOUT_MS = 700;

/** The adapter that this page's browser offers. */
export function probePageAdapter(): Promise<AdapterReport> {
  return withTimeout(probeAdapter());
}

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
