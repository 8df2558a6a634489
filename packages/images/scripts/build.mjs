import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/** Builds the published package into dist/: modules, the worker, the worker with everything inside, and types. */

const root = fileURLToPath(new URL('..', import.meta.url));
const types = join(root, 'dist/types');

rmSync(join(root, 'dist'), { recursive: true, force: true });
for (const configFile of ['vite.config.ts', 'vite.standalone.config.ts']) {
  await build({ root, configFile: join(root, configFile), logLevel: 'warn' });
}
const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.types.json'], { cwd: root, stdio: 'inherit' });

// The workspace's own packages are not on npm: their types are in dist, too, and found by path.
for (const file of readdirSync(types, { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.d.ts')) continue;
  const path = join(types, file);
  const text = readFileSync(path, 'utf8')
    .replace(/(['"])@flux-srpo\/(\w+)(?:\/(\w+))?\1/g, (_match, quote, name, subpath = 'index') => {
      const target = relative(dirname(path), join(types, name, 'src', subpath));
      return `${quote}${target.startsWith('.') ? target : `./${target}`}.js${quote}`;
    })
    .replace(/(from |import\()(['"])(\.[^'"]*)\.ts\2/g, '$1$2$3.js$2');
  writeFileSync(path, text);
}
