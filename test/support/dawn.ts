import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * The package has 130 MB for five platforms, too much for a dependency: whoever wants Dawn
 * downloads it once.
 */
const FOLDER = '.cache/webgpu';
const ARGUMENTS = ['install', '--no-save', '--prefix', FOLDER, 'webgpu@0.6.2'];
const ROOT = join(import.meta.dirname, '../..');
const INSTALLED = join(ROOT, FOLDER, 'node_modules/webgpu/index.js');

interface DawnModule {
  create(flags: string[]): GPU;
  globals: Record<string, unknown> & { GPUQueue: { prototype: GPUQueue } };
}

/** Installs the package where it is missing. */
export function downloadDawn(): void {
  if (!existsSync(INSTALLED)) execFileSync('npm', ARGUMENTS, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
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
  if (!existsSync(INSTALLED)) return `no package webgpu; run: npm ${ARGUMENTS.join(' ')}`;
  const { create, globals } = (await import(pathToFileURL(INSTALLED).href)) as DawnModule;
  const gpu = create([]);
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
