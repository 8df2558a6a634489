import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { thirdPartyLicences, withoutSharp } from './vite.plugins.ts';

/** The command line with everything inside but onnxruntime-node, whose native part only `generate` and `serve` need. */
export default defineConfig({
  plugins: [withoutSharp(), thirdPartyLicences()],
  ssr: { noExternal: true, external: ['onnxruntime-node'] },
  build: {
    target: 'node20',
    outDir: 'dist/cli',
    emptyOutDir: true,
    minify: true,
    ssr: fileURLToPath(new URL('../cli/src/main.ts', import.meta.url)),
    rolldownOptions: {
      output: { banner: '#!/usr/bin/env node', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
    },
  },
});
