import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LIBRARY = join(ROOT, 'packages/images');
const run = promisify(execFile);

/** The tarball is made of these: a change of any of them makes another. */
const SOURCES = ['packages', 'LICENSE', 'pnpm-lock.yaml', 'tsconfig.base.json'];

/**
 * Path of the tarball as it would be published, packed from the sources as they are now. The same
 * sources are packed once.
 */
export async function packedTarball(): Promise<string> {
  const { stdout } = await run('git', ['ls-files', '-z', '-co', '--exclude-standard', ...SOURCES], { cwd: ROOT });
  const hash = createHash('sha256');
  for (const path of stdout.split('\0').sort()) {
    if (/\.test\.ts$/.test(path) || !existsSync(join(ROOT, path))) continue;
    hash.update(path).update(path === '' ? '' : await readFile(join(ROOT, path)));
  }
  const tarball = join(ROOT, '.cache/packed', `${hash.digest('hex').slice(0, 16)}.tgz`);
  if (existsSync(tarball)) return tarball;
  await rm(dirname(tarball), { recursive: true, force: true });
  const { stdout: path } = await run(process.execPath, [join(LIBRARY, 'scripts/pack.mjs'), dirname(tarball)]);
  await rename(path.trim(), tarball);
  return tarball;
}

/**
 * Installs the tarball in `app/node_modules` as npm would. `dependencies` are links to the
 * workspace's own, so no network is needed.
 */
export async function installPacked(app: string, dependencies: readonly string[] = ['onnxruntime-web']): Promise<void> {
  const target = join(app, 'node_modules/flux-srpo');
  await mkdir(target, { recursive: true });
  await run('tar', ['-xzf', await packedTarball(), '-C', target, '--strip-components=1']);
  const { bin } = JSON.parse(await readFile(join(target, 'package.json'), 'utf8'));
  await chmod(join(target, bin['flux-srpo']), 0o755);
  for (const dependency of dependencies) {
    const link = join(app, 'node_modules', dependency);
    await mkdir(dirname(link), { recursive: true });
    await symlink(workspaceCopy(dependency), link, 'junction');
  }
}

/** Path of a dependency of one of the workspace's packages. */
export function workspaceCopy(dependency: string): string {
  const homes = ['', 'packages/images', 'packages/runtime'].map((home) => join(ROOT, home, 'node_modules', dependency));
  const found = homes.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${dependency} must be a dependency of this workspace`);
  return realpathSync(found);
}
