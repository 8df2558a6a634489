import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';
import { build } from 'vite';
import manifest from '../package.json' with { type: 'json' };

/**
 * Builds the published package into dist/: modules, the worker with everything inside, the command
 * line, and types.
 */

const root = fileURLToPath(new URL('..', import.meta.url));

// The bill of materials is of the package in this folder.
process.chdir(root);
rmSync(join(root, 'dist'), { recursive: true, force: true });
for (const configFile of ['vite.config.ts', 'vite.standalone.config.ts', 'vite.cli.config.ts']) {
  await build({ root, configFile: join(root, configFile), logLevel: 'warn' });
}

// One file of types per entry: the workspace's own packages are not on npm.
const input = Object.fromEntries(
  Object.entries(manifest.exports).map(([subpath, source]) => [
    subpath === '.' ? 'index' : subpath.slice('./'.length),
    join(root, source),
  ]),
);
const types = await rollup({
  input,
  plugins: [dts({ tsconfig: join(root, 'tsconfig.types.json') })],
  onwarn({ code, message }) {
    // Of the others, that a type has no public name is for the tests of the tarball to judge.
    if (code === 'UNRESOLVED_IMPORT') throw new Error(message);
  },
});
await types.write({
  dir: join(root, 'dist'),
  format: 'es',
  chunkFileNames: 'chunks/[name]-[hash].d.ts',
  // So that a project whose `lib` is ES2022 has AsyncDisposable too.
  banner: ({ name }) => (name === 'index' ? '/// <reference lib="esnext.disposable" />' : ''),
});
await types.close();
