import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, loadConfigFromFile, minifySync } from 'vite';
import { pack } from '../packages/images/scripts/pack.mjs';
import { ROOT } from './lib/process.mjs';

/**
 * Prints the size of the published package, minified and gzipped as a site would serve it: the
 * entry and the worker with everything that they import at once, without ONNX Runtime; what each
 * loads later; and, with `--pack`, the tarball. Fails when the entry is over its budget.
 */

/** Bytes of the entry, gzipped. A page must not wait for the library. */
const ENTRY_BUDGET_BYTES = 10_000;

const library = join(ROOT, 'packages/images');

/** @param {number} bytes */
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

const loaded = await loadConfigFromFile({ command: 'build', mode: 'production' }, join(library, 'vite.config.ts'));

const isBillOfMaterials = (/** @type {unknown} */ plugin) =>
  /** @type {{ name?: string } | undefined} */ (plugin)?.name === 'rollup-plugin-sbom';

/**
 * Builds one entry by itself, because a page does not load the worker's share of a module.
 *
 * @param {string} name
 */
async function bundle(name) {
  const result = await build({
    ...loaded?.config,
    // What a build contains is of the published one, whose folder it looks for.
    plugins: loaded?.config.plugins?.filter((plugin) => !isBillOfMaterials(plugin)) ?? [],
    root: library,
    configFile: false,
    logLevel: 'warn',
    build: {
      ...loaded?.config.build,
      lib: { entry: { [name]: join(library, `src/${name}.ts`) }, formats: ['es'] },
      write: false,
    },
  });
  const outputs = /** @type {{ output: import('vite').Rolldown.OutputChunk[] }[]} */ ([result].flat());
  return new Map(outputs.flatMap(({ output }) => output).map((chunk) => [chunk.fileName, chunk]));
}

/** @typedef {Awaited<ReturnType<typeof bundle>>} Chunks */

/**
 * The chunk and everything it imports statically.
 *
 * @param {Chunks} chunks
 * @param {string} name
 * @param {Set<string>} seen
 */
function withImports(chunks, name, seen = new Set()) {
  const chunk = chunks.get(name);
  if (chunk === undefined || seen.has(name)) return seen;
  seen.add(name);
  for (const imported of chunk.imports) withImports(chunks, imported, seen);
  return seen;
}

/**
 * @param {Chunks} chunks
 * @param {Iterable<string>} names
 */
function gzipped(chunks, names) {
  let bytes = 0;
  for (const name of names) bytes += gzipSync(minifySync(name, chunks.get(name)?.code ?? '').code).length;
  return bytes;
}

/**
 * Prints an entry and what it loads later.
 *
 * @param {string} title
 * @param {string} name
 * @returns {Promise<number>} bytes of the entry with its static imports
 */
async function report(title, name) {
  const chunks = await bundle(name);
  const first = withImports(chunks, `${name}.js`);
  const bytes = gzipped(chunks, first);
  console.log(`${title.padEnd(26)}${kilobytes(bytes)} gzip`);
  for (const [fileName, chunk] of chunks) {
    if (first.has(fileName) || !chunk.isDynamicEntry) continue;
    const added = [...withImports(chunks, fileName)].filter((imported) => !first.has(imported));
    console.log(`  loaded later: ${chunk.name.padEnd(18)}${kilobytes(gzipped(chunks, added))} gzip`);
  }
  return bytes;
}

const entryBytes = await report('entry, comlink included', 'index');
await report('worker, without runtime', 'worker');

if (process.argv.includes('--pack')) {
  const folder = mkdtempSync(join(tmpdir(), 'flux-srpo-pack-'));
  execFileSync(process.execPath, [join(library, 'scripts/build.mjs')], { stdio: ['ignore', 'ignore', 'inherit'] });
  const tarball = pack(folder);
  console.log(`tarball                   ${kilobytes(tarball.size)}, ${kilobytes(tarball.unpackedSize)} unpacked`);
  rmSync(folder, { recursive: true });
}

if (entryBytes > ENTRY_BUDGET_BYTES) {
  console.error(`the entry must be at most ${kilobytes(ENTRY_BUDGET_BYTES)}, got ${kilobytes(entryBytes)}`);
  process.exitCode = 1;
}
