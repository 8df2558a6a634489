import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { billOfMaterials, keepWasmUrls, thirdPartyLicences, withoutSecondRuntime } from './vite.plugins.ts';

/** The worker with every dependency inside, in one file, for pages without a bundler. */
export default defineConfig({
  plugins: [withoutSecondRuntime(), keepWasmUrls(), billOfMaterials(), thirdPartyLicences()],
  build: {
    target: 'es2022',
    outDir: 'dist/standalone',
    emptyOutDir: true,
    minify: true,
    lib: {
      entry: fileURLToPath(new URL('src/worker.ts', import.meta.url)),
      formats: ['es'],
      fileName: () => 'worker.js',
    },
    rolldownOptions: { output: { codeSplitting: false } },
  },
});
