import { execFile } from 'node:child_process';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packedTarball } from '../../support/packed.ts';

/** Outside the repository, so that no tool takes a workspace above an app for its own. */
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'flux-srpo/ecosystem');

/** What stays from run to run. */
const INSTALLED = ['node_modules', 'package-lock.json'];

/** A folder in the cache, empty but for what an earlier run installed there. */
export async function emptyApp(name: string): Promise<string> {
  const app = join(CACHE, name);
  await mkdir(app, { recursive: true });
  for (const entry of await readdir(app)) {
    if (!INSTALLED.includes(entry)) await rm(join(app, entry), { recursive: true });
  }
  return app;
}

/** Installs what the app's package.json lists, and `packages`, from the registry. */
export async function install(app: string, packages: readonly string[] = []): Promise<void> {
  const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', ...packages];
  await promisify(execFile)('npm', args, { cwd: app, shell: process.platform === 'win32', maxBuffer: 2 ** 24 });
}

/** The same with the package as it would be published. */
export async function installFromRegistry(app: string): Promise<void> {
  await install(app, [await packedTarball()]);
}
