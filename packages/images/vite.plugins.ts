import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import sbom from 'rollup-plugin-sbom';
import type { Plugin } from 'vite';

/** What the builds of the library need beyond Vite. */

/**
 * transformers.js prepares text and pictures for us and computes nothing, but imports a runtime of
 * its own: a second WebAssembly file, of 27 MB, in every site. onnxruntime-common has the same
 * names and no runtime behind them.
 */
export function withoutSecondRuntime(): Plugin {
  return {
    name: 'without-second-runtime',
    enforce: 'pre',
    async resolveId(source, importer) {
      if (!source.startsWith('onnxruntime-web') || !importer?.includes('@huggingface/transformers')) return undefined;
      return this.resolve('onnxruntime-common', importer, { skipSelf: true });
    },
  };
}

/**
 * transformers.js needs its image library in Node to start, and here never after: resizing is our
 * own.
 */
export function withoutSharp(): Plugin {
  const stub = '\0no-sharp';
  return {
    name: 'without-sharp',
    enforce: 'pre',
    resolveId: (source) => (source === 'sharp' ? stub : undefined),
    load: (id) => (id === stub ? 'export default {};' : undefined),
  };
}

const WORKER_URL = /new URL\('\.\.?\/(?:[\w-]+\/)*([\w-]+)\.ts', import\.meta\.url\)/g;
/** Not a literal, which Vite would take for a worker to bundle. */
const MARK = '__FLUX_SRPO_WORKER__';
const MARKED = new RegExp(`${MARK}\\(["'\`]([\\w-]+)["'\`]\\)`, 'g');

/**
 * Leaves `new Worker(new URL('./worker.js', import.meta.url))` to the bundler of whoever uses the
 * library.
 *
 * @param entries modules of their own in the output, by name
 */
export function keepWorkerUrls(entries: readonly string[]): Plugin {
  return {
    name: 'keep-worker-urls',
    enforce: 'pre',
    transform: (code, id) =>
      code.replace(WORKER_URL, (_match, name: string) => {
        if (!entries.includes(name)) throw new Error(`${id} starts ${name}.ts, which must be an entry of this build`);
        return `new URL(${MARK}('${name}'), import.meta.url)`;
      }),
    renderChunk: (code, { fileName }) => {
      const up = relative(dirname(fileName), '.') || '.';
      return code.replace(MARKED, (_match, name) => `'${up}/${name}.js'`);
    },
  };
}

/**
 * onnxruntime-web names its .wasm files as `new URL("….wasm", import.meta.url)`, which Vite would
 * copy or inline (16 to 27 MB each). Read through a list they stay what they are: files beside this
 * one, for the page to copy from onnxruntime-web/dist.
 */
export function keepWasmUrls(): Plugin {
  return {
    name: 'keep-wasm-urls',
    enforce: 'pre',
    transform: (code, id) =>
      id.includes('onnxruntime-web') ? code.replace(/new URL\(("[^"]+"),/g, 'new URL([$1][0],') : undefined,
  };
}

/**
 * Lists the packages inside a build, and no others, in CycloneDX's form. Without the time, so that
 * one source gives one file.
 */
export function billOfMaterials(): Plugin {
  return sbom({
    rootComponentType: 'library',
    outDir: '.',
    outFilename: 'sbom.cdx',
    outFormats: ['json'],
    saveTimestamp: false,
    includeWellKnown: false,
    // Vite takes plugins of Rollup, which its type does not say under `exactOptionalPropertyTypes`.
  }) as unknown as Plugin;
}

/** Writes the licences of the packages inside a build beside it, as they ask for. */
export function thirdPartyLicences(): Plugin {
  return {
    name: 'third-party-licences',
    generateBundle(_options, bundle) {
      const packages = new Map<string, string>();
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue;
        for (const id of Object.keys(chunk.modules)) {
          const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0];
          if (folder !== undefined && !packages.has(folder)) packages.set(folder, describe(folder));
        }
      }
      const source = [...packages.values()].sort().join(`\n${'-'.repeat(80)}\n\n`);
      this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY.txt', source });
    },
  };
}

function describe(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)/i.test(file));
  const texts = files.sort().map((file) => readFileSync(join(folder, file), 'utf8').trim());
  return `${[`${name} ${version} (${license})`, ...texts].join('\n\n')}\n`;
}
