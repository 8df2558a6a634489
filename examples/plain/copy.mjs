import { cpSync } from 'node:fs';

// The worker with everything inside, and beside it the WebAssembly files that it asks for.
const runtime = 'node_modules/onnxruntime-web/dist/';
cpSync('node_modules/flux-srpo/dist', 'site/flux-srpo', { recursive: true });
for (const kind of ['', '.jspi', '.asyncify']) {
  const file = `ort-wasm-simd-threaded${kind}.wasm`;
  cpSync(runtime + file, `site/flux-srpo/standalone/${file}`);
}
