import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

/**
 * onnxruntime-web names its .wasm files as `new URL("….wasm", import.meta.url)`, which Vite would copy or inline (16 to 27 MB each).
 * Read through a list they stay what they are: files beside this one, for the page to copy from onnxruntime-web/dist.
 */
function keepWasmUrls(): Plugin {
  return {
    name: 'keep-wasm-urls',
    enforce: 'pre',
    transform: (code, id) =>
      id.includes('onnxruntime-web') ? code.replace(/new URL\(("[^"]+"),/g, 'new URL([$1][0],') : undefined,
  };
}

/** The worker with every dependency inside, in one file, for pages without a bundler. */
export default defineConfig({
  plugins: [keepWasmUrls()],
  build: {
    target: 'es2022',
    outDir: 'dist/standalone',
    emptyOutDir: true,
    lib: {
      entry: fileURLToPath(new URL('src/worker.ts', import.meta.url)),
      formats: ['es'],
      fileName: () => 'worker.js',
    },
    rolldownOptions: { output: { codeSplitting: false } },
  },
});
