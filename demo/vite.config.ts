import { cp } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';
import { withoutSecondRuntime } from '../packages/images/vite.plugins.ts';
import { offline } from './offline.plugin.ts';

/** `npm start -- --model <folder>` serves another bundle in place of the embedded one. */
const BUNDLE = process.env.FLUX_BUNDLE ?? fileURLToPath(new URL('../models/tiny/bundle', import.meta.url));
const BUNDLE_URL = '/models/tiny/';

/** Serves the model's bundle beside the page, and copies it into the built site. */
function embeddedModel(): Plugin {
  let outDir = '';
  return {
    name: 'embedded-model',
    configResolved: (config) => {
      outDir = fileURLToPath(new URL(`${config.build.outDir}/`, `file://${config.root}/`));
    },
    configureServer: (server) => {
      server.middlewares.use((request, _response, next) => {
        // /@fs/ is Vite's own static file handler, which knows ranges and content types.
        if (request.url?.startsWith(BUNDLE_URL)) {
          request.url = `/@fs/${BUNDLE.replace(/^\//, '')}/${request.url.slice(BUNDLE_URL.length)}`;
        }
        next();
      });
    },
    configurePreviewServer: (server) => {
      server.middlewares.use((request, _response, next) => {
        // `vite preview` compresses what is JSON by its name, also a range of it, which no client
        // could check.
        if (request.url?.startsWith(BUNDLE_URL)) delete request.headers['accept-encoding'];
        next();
      });
    },
    closeBundle: async () => {
      await cp(BUNDLE, `${outDir}${BUNDLE_URL}`, { recursive: true });
    },
  };
}

/**
 * What of the library every visit needs: the client of this machine, and what it loads when it is
 * first used. In one file beside the page's own, where many small ones would wait for each other.
 */
const AT_ONCE =
  /[\\/]images[\\/]src[\\/](index|client[\\/](local-client|image-stream)|probe[\\/](probe|page-adapter)|store[\\/]stored-models)\.ts$/;

/** `npm start -- --isolate`: with these two, wasm may compute in several threads. */
const headers: Record<string, string> =
  process.env.FLUX_ISOLATE === '1'
    ? { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
    : {};

export default defineConfig({
  server: { headers },
  // A missing file is a 404, not the page.
  appType: 'mpa',
  // Relative, so that the built site works in any folder of any host.
  base: './',
  plugins: [embeddedModel(), offline()],
  // The page is built from the library's sources, which import what the published library has
  // inside.
  worker: { format: 'es', plugins: () => [withoutSecondRuntime()] },
  build: {
    target: 'es2022',
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'flux-srpo', test: AT_ONCE }] } } },
  },
  optimizeDeps: {
    // onnxruntime-web finds its .wasm beside itself through import.meta.url, which pre-bundling
    // would move.
    exclude: ['onnxruntime-web'],
    // The worker is not reached from the page by imports; a dependency found late would reload the
    // page.
    entries: ['index.html', '../packages/images/src/worker.ts', '../packages/images/src/store/import/import-worker.ts'],
  },
});
