import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { WebGpuBuild, WebModule } from './web.ts';

const FILES: Readonly<Record<WebGpuBuild, string>> = {
  asyncify: 'ort.webgpu.bundle.min.mjs',
  jspi: 'ort.jspi.bundle.min.mjs',
};

let count = 0;

/**
 * Another instance of onnxruntime-web, in Node: a module with another address is another module,
 * with a WebAssembly memory of its own. The broken one's memory goes when nothing refers to it.
 */
export function renewRuntime(build: WebGpuBuild): Promise<WebModule> {
  const folder = dirname(createRequire(import.meta.url).resolve('onnxruntime-web/webgpu'));
  const url = pathToFileURL(join(folder, FILES[build]));
  url.search = `instance=${++count}`;
  return import(url.href);
}
