import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, loadConfigFromFile, minifySync } from 'vite';
import { ROOT } from './lib/process.mjs';

/**
 * What the published package weighs, minified and gzipped as a site would serve it: the entry with all it imports at once, what it
 * loads later, the worker without ONNX Runtime and transformers.js, and the tarball. Fails when the entry is over its budget.
 */

/** The page's own code must not wait for the library. */
const ENTRY_BUDGET_BYTES = 10_000;

const library = join(ROOT, 'packages/images');

/** @param {number} bytes */
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

const loaded = await loadConfigFromFile({ command: 'build', mode: 'production' }, join(library, 'vite.config.ts'));

/**
 * One entry by itself: in a page the worker's share of a module is not there.
 *
 * @param {string} name
 */
async function bundle(name) {
  const result = await build({
    ...loaded?.config,
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

const page = await bundle('index');
const entry = withImports(page, 'index.js');
const entryBytes = gzipped(page, entry);
console.log(`entry, comlink included   ${kilobytes(entryBytes)} gzip`);
for (const [name, { name: title }] of page) {
  if (entry.has(name) || !page.get(name)?.isDynamicEntry) continue;
  const added = [...withImports(page, name)].filter((chunk) => !entry.has(chunk));
  console.log(`  loaded later: ${title.padEnd(12)}${kilobytes(gzipped(page, added))} gzip`);
}
const worker = await bundle('worker');
console.log(`worker, without runtimes  ${kilobytes(gzipped(worker, worker.keys()))} gzip`);

if (process.argv.includes('--pack')) {
  const folder = mkdtempSync(join(tmpdir(), 'flux-srpo-pack-'));
  const [tarball] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: library, encoding: 'utf8' }),
  );
  console.log(`tarball                   ${kilobytes(tarball.size)}, ${kilobytes(tarball.unpackedSize)} unpacked`);
  rmSync(folder, { recursive: true });
}

if (entryBytes > ENTRY_BUDGET_BYTES) {
  console.error(`the entry must be at most ${kilobytes(ENTRY_BUDGET_BYTES)}, got ${kilobytes(entryBytes)}`);
  process.exitCode = 1;
}
