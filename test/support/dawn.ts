import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { DAWN, INSTALL_DAWN } from '../../scripts/lib/dawn.mjs';

interface DawnModule {
  create(flags: string[]): GPU;
  globals: Record<string, unknown> & { GPUQueue: { prototype: GPUQueue } };
}

/**
 * WebGPU in Node: Dawn's globals and `navigator.gpu`, where onnxruntime-web and
 * `createWebGpuBackend` look for them. On Linux it needs a Vulkan driver; Mesa's lavapipe works
 * without a GPU.
 *
 * @returns what is missing, or undefined
 */
export async function installDawn(): Promise<string | undefined> {
  if (globalThis.navigator?.gpu !== undefined) return undefined;
  if (!existsSync(DAWN)) return `no package webgpu; run: ${INSTALL_DAWN}`;
  const { create, globals } = (await import(pathToFileURL(DAWN).href)) as DawnModule;
  const gpu = create([]);
  // Dawn dies when this object is collected.
  Object.assign(globalThis, { dawn: gpu });
  if ((await gpu.requestAdapter()) === null) return 'no adapter: Dawn found no Vulkan, Metal or Direct3D driver';
  copySharedMemory(globals.GPUQueue.prototype);
  Object.assign(globalThis, globals);
  if (globalThis.navigator === undefined) Object.assign(globalThis, { navigator: { gpu } });
  else Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true });
  return undefined;
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
