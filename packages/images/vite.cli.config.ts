import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { keepWorkerUrls, thirdPartyLicences, withoutSharp } from './vite.plugins.ts';

/** Modules of their own: what starts, and what it starts as threads. */
const entries = {
  main: fileURLToPath(new URL('../cli/src/start.ts', import.meta.url)),
  'quantize-worker': fileURLToPath(new URL('../export/src/node/quantize-worker.ts', import.meta.url)),
};

/**
 * The command line with everything inside but onnxruntime-node, whose native part only `generate`
 * and `serve` need.
 */
export default defineConfig({
  plugins: [keepWorkerUrls(Object.keys(entries)), withoutSharp(), thirdPartyLicences()],
  ssr: { noExternal: true, external: ['onnxruntime-node'] },
  build: {
    target: 'node20',
    outDir: 'dist/cli',
    emptyOutDir: true,
    minify: true,
    ssr: true,
    rolldownOptions: {
      input: entries,
      output: { banner: '#!/usr/bin/env node', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
    },
  },
});
