import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { ROOT } from '../../scripts/lib/process.mjs';

const runtime = createRequire(join(ROOT, 'packages/runtime/package.json'));

/**
 * Replaces what transformers.js imports and never calls here: a runtime of its own.
 *
 * @type {import('esbuild').Plugin}
 */
const withoutUnused = {
  name: 'without-unused',
  setup(plugins) {
    // Its build for Node requires onnxruntime-node as soon as it is loaded.
    plugins.onResolve({ filter: /^@huggingface\/transformers$/ }, () => ({
      path: join(dirname(runtime.resolve('@huggingface/transformers')), 'transformers.web.js'),
    }));
    plugins.onResolve({ filter: /^onnxruntime-(node|web)/ }, ({ importer, path }) => {
      if (importer.includes('@huggingface/transformers')) return { path: runtime.resolve('onnxruntime-common') };
      // Node 24 suspends WebAssembly, so that build of the runtime alone is imported.
      return path === 'onnxruntime-web/jspi' ? undefined : { path, external: true };
    });
  },
};

/**
 * The bench as one file. Beside it lie the runtime's WebAssembly and Dawn's package.
 *
 * @param {string} outfile
 */
export async function bundleBench(outfile) {
  await build({
    entryPoints: [join(ROOT, 'bench/gpu/bench.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minify: true,
    external: ['webgpu'],
    plugins: [withoutUnused],
    logLevel: 'warning',
    logOverride: { 'empty-import-meta': 'silent' },
  });
}
