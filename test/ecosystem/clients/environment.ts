import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { THIS_PACKAGE } from '../../support/clients.ts';
import { installPacked } from '../../support/packed.ts';

const run = promisify(execFile);

/** Outside the repository: a few hundred megabytes, fetched once. */
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'flux-srpo/ecosystem');

/** What npm and pip say where no registry is reached. */
const NO_NETWORK = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|NewConnectionError|name resolution/;

/** Why a client's packages cannot be had here, although nothing is wrong with them. */
export class Unavailable extends Error {}

/**
 * A folder with these packages of npm in `node_modules`. @throws Unavailable
 *
 * @param packages such as `openai@7.57.0`; `THIS_PACKAGE` is packed anew each time
 */
export async function npmEnvironment(packages: readonly string[]): Promise<string> {
  const published = packages.filter((name) => name !== THIS_PACKAGE);
  const folder = await installedOnce(published.join(' '), '', async (folder) => {
    // npm changes the nearest package.json above, where the folder has none.
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--save-exact'];
    await run('npm', ['install', ...options, ...published], { cwd: folder, shell: process.platform === 'win32' });
  });
  if (packages.includes(THIS_PACKAGE)) {
    await rm(join(folder, 'node_modules', THIS_PACKAGE), { recursive: true, force: true });
    await installPacked(folder, []);
  }
  return folder;
}

/**
 * A virtual environment with these packages of PyPI, and what they need as it was when they were
 * tried (`constraints/`). @throws Unavailable
 *
 * @param packages such as `openai==3.57.0`; the first names the constraints
 */
export async function pythonEnvironment(packages: readonly string[]): Promise<string> {
  await run('python3', ['-c', 'import sys, venv; sys.exit(sys.version_info < (3, 10))']).catch(() => {
    throw new Unavailable('there is no python3 of version 3.10 or later with venv');
  });
  const name = /^[\w-]+/.exec(packages.join(' '))?.[0];
  const constraints = fileURLToPath(new URL(`constraints/${name}.txt`, import.meta.url));
  return installedOnce(packages.join(' '), await readFile(constraints, 'utf8'), async (folder) => {
    await run('python3', ['-m', 'venv', folder]);
    const options = ['--quiet', '--disable-pip-version-check', '--constraint', constraints];
    await run(join(folder, 'bin/pip'), ['install', ...options, ...packages]);
  });
}

/** The folder of an environment. A mark says that its installation ended well. */
async function installedOnce(
  packages: string,
  pins: string,
  install: (folder: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256').update(packages).update(pins).digest('hex').slice(0, 12);
  const folder = join(CACHE, `${packages.replace(/[^\w.]+/g, '-').slice(0, 60)}-${hash}`);
  const mark = join(folder, '.installed');
  if (existsSync(mark)) return folder;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  try {
    await install(folder);
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    if (NO_NETWORK.test(stderr)) throw new Unavailable(`${packages} could not be fetched: no network`);
    throw error;
  }
  await writeFile(mark, packages);
  return folder;
}
