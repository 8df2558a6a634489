import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const RUNTIME = fileURLToPath(new URL('../../packages/images/node_modules/onnxruntime-web/dist/', import.meta.url));

/**
 * Makes a folder of what docs/bundlers.md says to copy where there is no bundler.
 *
 * @param app where the package is installed
 */
export async function writePlainSite(app: string, site: string): Promise<void> {
  await cp(join(app, 'node_modules/flux-srpo/dist'), join(site, 'flux-srpo'), { recursive: true });
  for (const kind of ['', '.jspi', '.asyncify']) {
    const wasm = `ort-wasm-simd-threaded${kind}.wasm`;
    await cp(join(RUNTIME, wasm), join(site, 'flux-srpo/standalone', wasm));
  }
}
