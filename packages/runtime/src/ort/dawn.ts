import { DeviceError } from '@flux-srpo/core';

/**
 * WebGPU in Node: Dawn, the implementation that Chromium uses (the package `webgpu`). It needs a
 * driver for Vulkan, Metal or Direct3D 12.
 */

/** Subgroup matrices are hidden without it. */
const FLAGS = ['enable-dawn-features=allow_unsafe_apis'];

interface Dawn {
  create(flags: readonly string[]): GPU;
  readonly globals: { readonly GPUQueue: { readonly prototype: GPUQueue } };
}

/**
 * Gives this process `navigator.gpu` and the globals that a browser has, where onnxruntime-web and
 * this package look for them. Does nothing where there is a `navigator.gpu` (Deno, or a second
 * call).
 */
export async function installDawn(): Promise<void> {
  if (globalThis.navigator?.gpu !== undefined) return;
  const { create, globals } = await importDawn();
  const gpu = create(FLAGS);
  copySharedMemory(globals.GPUQueue.prototype);
  Object.assign(globalThis, globals);
  // Held by `navigator` for good: Dawn dies when this object is collected.
  const navigator = globalThis.navigator ?? {};
  Object.defineProperty(navigator, 'gpu', { value: gpu, configurable: true });
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
}

async function importDawn(): Promise<Dawn> {
  try {
    return (await import('webgpu')) as unknown as Dawn;
  } catch (cause) {
    throw new DeviceError(
      'the package webgpu must be installed to compute on a GPU in Node, and could not be loaded; run "npm i webgpu@0.6.2"',
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
