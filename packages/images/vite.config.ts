import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import manifest from './package.json' with { type: 'json' };
import { billOfMaterials, keepWorkerUrls, thirdPartyLicences, withoutSecondRuntime } from './vite.plugins.ts';

/** Name in `dist` → source: what package.json exports. */
const entries = Object.fromEntries(
  Object.entries(manifest.exports).map(([subpath, source]) => [
    subpath === '.' ? 'index' : subpath.slice('./'.length),
    fileURLToPath(new URL(source, import.meta.url)),
  ]),
);

/**
 * The published package: one entry per subpath. Everything is inside but onnxruntime-web, which
 * brings WebAssembly files, and what has native parts for Node.
 */
export default defineConfig({
  plugins: [keepWorkerUrls(Object.keys(entries)), withoutSecondRuntime(), billOfMaterials(), thirdPartyLicences()],
  build: {
    target: 'es2022',
    // Whoever bundles the library minifies it; whoever reads it can.
    minify: false,
    sourcemap: false,
    lib: { entry: entries, formats: ['es'] },
    rolldownOptions: {
      external: [/^onnxruntime-(web|node)(\/|$)/, /^node:/, 'webgpu'],
      output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
    },
  },
});
