import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { DeviceError } from '@flux-srpo/core';
import { probeAdapter } from './adapter.ts';

/**
 * WebGPU in Node: Dawn, the implementation that Chromium uses (the package `webgpu`). It needs a
 * driver for Vulkan, Metal or Direct3D 12.
 */

/** Subgroup matrices are hidden without the first; the second rounds times to 65 µs. */
const FLAGS = ['enable-dawn-features=allow_unsafe_apis', 'disable-dawn-features=timestamp_quantization'];

const INSTALL = 'npm i webgpu@0.6.2';
const NO_DRIVER = 'no driver of this machine offers one to Vulkan, Metal or Direct3D 12';

/** A driver that has not answered by then is no help. */
const SEARCH_TIMEOUT_MS = 10_000;

interface Dawn {
  create(flags: readonly string[]): GPU;
  readonly globals: { readonly GPUQueue: { readonly prototype: GPUQueue } };
}

/**
 * Gives this process `navigator.gpu` and the globals that a browser has, where onnxruntime-web and
 * this package look for them. Does nothing where there is a `navigator.gpu` (Deno, or a second
 * call).
 *
 * @throws DeviceError `device/feature-missing` without the package, `device/no-webgpu` where Dawn
 * finds no adapter
 */
export async function installDawn(): Promise<void> {
  if (hasWebGpu()) return;
  const { create, globals } = await importDawn();
  const gpu = create(FLAGS);
  if ((await gpu.requestAdapter()) === null) {
    throw new DeviceError(
      `WebGPU needs an adapter, and ${NO_DRIVER}; install your GPU's driver (on Linux its Vulkan driver and libvulkan1), or use the CPU`,
      { code: 'device/no-webgpu', details: { reason: 'no-adapter' } },
    );
  }
  copySharedMemory(globals.GPUQueue.prototype);
  Object.assign(globalThis, globals);
  // Held by `navigator` for good: Dawn dies when this object is collected.
  const navigator = globalThis.navigator ?? {};
  Object.defineProperty(navigator, 'gpu', { value: gpu, configurable: true });
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
}

/** What Dawn would compute on here. */
export interface FoundGpu {
  /** One line, as the driver says it. */
  readonly name: string;
  /** A program that computes on the CPU, and not what somebody calls a GPU. */
  readonly isSoftware: boolean;
}

/**
 * Looks for a GPU in a process of its own, so that a driver that crashes, hangs or complains does
 * so there.
 *
 * @returns the adapter that Dawn prefers, or why there is none, as half a sentence
 */
export async function findGpu(): Promise<FoundGpu | string> {
  if (hasWebGpu()) {
    const { vendor, architecture, description, isFallback } = await probeAdapter();
    return { name: gpuName({ vendor, architecture, description }), isSoftware: isFallback };
  }
  let dawn: string;
  try {
    dawn = pathToFileURL(createRequire(import.meta.url).resolve('webgpu')).href;
  } catch {
    return `the package webgpu is not installed: ${INSTALL}`;
  }
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', PRINT_ADAPTER, dawn],
      { timeout: SEARCH_TIMEOUT_MS },
    );
    const info = JSON.parse(stdout) as (Pick<GPUAdapterInfo, 'isFallbackAdapter'> & Described) | null;
    return info === null ? NO_DRIVER : { name: gpuName(info), isSoftware: info.isFallbackAdapter };
  } catch {
    return 'its driver did not answer';
  }
}

const PRINT_ADAPTER = `
  const { create } = await import(process.argv[1]);
  globalThis.gpu = create([]);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  const { vendor, architecture, description, isFallbackAdapter } = adapter?.info ?? {};
  process.stdout.write(JSON.stringify(adapter && { vendor, architecture, description, isFallbackAdapter }));
`;

interface Described {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
}

/** @returns one line for people */
export function gpuName({ vendor, architecture, description }: Described): string {
  return [vendor, architecture, description].filter(Boolean).join(' ');
}

function hasWebGpu(): boolean {
  return globalThis.navigator?.gpu !== undefined;
}

async function importDawn(): Promise<Dawn> {
  try {
    return (await import('webgpu')) as unknown as Dawn;
  } catch (cause) {
    throw new DeviceError(
      `the package webgpu must be installed to compute on a GPU in Node, and could not be loaded; run "${INSTALL}"`,
      { code: 'device/feature-missing', details: { feature: 'webgpu' }, cause },
    );
  }
}

/**
 * Copies views on shared memory, which Dawn refuses; onnxruntime-web's heap is shared memory in
 * Node. The runtime passes bytes, never element counts.
 */
function copySharedMemory(queue: GPUQueue): void {
  const write = queue.writeBuffer;
  queue.writeBuffer = function (buffer, offset, data, from = 0, size) {
    const isShared = ArrayBuffer.isView(data) && data.buffer instanceof SharedArrayBuffer;
    if (!isShared) return write.call(this, buffer, offset, data, from, size);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const copy = new Uint8Array(size ?? bytes.length - from);
    copy.set(bytes.subarray(from, from + copy.length));
    write.call(this, buffer, offset, copy);
  };
}
