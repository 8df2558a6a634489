import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

const source = (path: string) => fileURLToPath(new URL(`src/${path}`, import.meta.url));

/** Not a URL that Vite would take for an asset of its own. */
const WORKER_MARK = '__FLUX_SRPO_WORKER__';

/** Leaves `new Worker(new URL('./worker.js', import.meta.url))` to the bundler of whoever uses the library. */
function keepWorkerUrl(): Plugin {
  return {
    name: 'keep-worker-url',
    enforce: 'pre',
    transform: (code) => (code.includes("'./worker.ts'") ? code.replace("'./worker.ts'", WORKER_MARK) : undefined),
    renderChunk: (code) => (code.includes(WORKER_MARK) ? code.replace(WORKER_MARK, "'./worker.js'") : undefined),
  };
}

/**
 * The published package. One entry per subpath and the worker; the workspace's own packages are inside, runtimes that bring
 * WebAssembly files are left to npm.
 */
export default defineConfig({
  plugins: [keepWorkerUrl()],
  build: {
    target: 'es2022',
    // Whoever bundles the library minifies it; whoever reads it can.
    minify: false,
    sourcemap: false,
    lib: {
      entry: {
        index: source('index.ts'),
        worker: source('worker.ts'),
        wire: source('wire/index.ts'),
        fetch: source('fetch/index.ts'),
        'ai-sdk': source('ai-sdk/index.ts'),
      },
      formats: ['es'],
    },
    rolldownOptions: {
      external: [/^onnxruntime-web(\/|$)/, /^@huggingface\/transformers$/],
      output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
    },
  },
});
