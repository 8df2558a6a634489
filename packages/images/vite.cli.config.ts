import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import {
  billOfMaterials,
  keepWorkerUrls,
  thirdPartyLicences,
  withoutSecondRuntime,
  withoutSharp,
} from './vite.plugins.ts';

/** Modules of their own: what starts, and what it starts as threads. */
const entries = {
  main: fileURLToPath(new URL('../cli/src/start.ts', import.meta.url)),
  'quantize-worker': fileURLToPath(new URL('../export/src/node/quantize-worker.ts', import.meta.url)),
};

const transformers = createRequire(new URL('../runtime/package.json', import.meta.url)).resolve(
  '@huggingface/transformers',
);

/**
 * The command line with everything inside but the runtimes, which only `generate` and `serve` need.
 * onnxruntime-node and webgpu have native parts; onnxruntime-web is a dependency of the package.
 */
export default defineConfig({
  // Its build for Node loads onnxruntime-node, which a machine with a GPU need not have.
  resolve: { alias: { '@huggingface/transformers': join(dirname(transformers), 'transformers.web.js') } },
  plugins: [
    keepWorkerUrls(Object.keys(entries)),
    withoutSecondRuntime(),
    withoutSharp(),
    billOfMaterials(),
    thirdPartyLicences(),
  ],
  ssr: { noExternal: true, external: ['onnxruntime-node', 'onnxruntime-web', 'webgpu'] },
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
