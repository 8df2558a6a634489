import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, succeeds } from './process.mjs';

/** Vite 8 needs this version of Node or a later one. */
const MIN_NODE = [20, 19];

/** File with the hash of the lockfile that node_modules was installed from. */
const STAMP = join(ROOT, 'node_modules', '.installed-lockfile');

export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1])) return;
  console.error(`Node.js >= ${MIN_NODE.join('.')} is needed, this is ${process.versions.node}: see https://nodejs.org`);
  process.exit(2);
}

/** Installs exactly what the lockfile says, once for each version of the lockfile. */
export function installDependencies() {
  const lockfile = createHash('sha256')
    .update(readFileSync(join(ROOT, 'pnpm-lock.yaml')))
    .digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lockfile) return;
  console.log('installing dependencies (pnpm install --frozen-lockfile)');
  const installed = succeeds('npx', ['--yes', 'pnpm@10', 'install', '--frozen-lockfile'], {
    // CI=true: pnpm asks no questions. onnxruntime-node's script would download a CUDA provider
    // that nothing here uses.
    env: { CI: 'true', ONNXRUNTIME_NODE_INSTALL: 'skip' },
  });
  if (!installed) {
    console.error('the dependencies could not be installed: is the npm registry reachable?');
    process.exit(2);
  }
  writeFileSync(STAMP, lockfile);
}
