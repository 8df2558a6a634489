import { DeviceError } from '@flux-srpo/core';
import { type AdapterReport, probeAdapter } from '@flux-srpo/runtime/device';

/** A machine that has named no adapter by then has none worth waiting for. */
const ADAPTER_TIMEOUT_MS = 700;

/** The adapter that this page's browser offers. */
export async function probePageAdapter(): Promise<AdapterReport> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const message = `WebGPU named no adapter within ${ADAPTER_TIMEOUT_MS} ms`;
    timer = setTimeout(() => reject(new DeviceError(message, { code: 'device/no-webgpu' })), ADAPTER_TIMEOUT_MS);
  });
  return Promise.race([probeAdapter(), late]).finally(() => clearTimeout(timer));
}
