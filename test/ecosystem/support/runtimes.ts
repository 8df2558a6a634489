import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { emptyApp, install } from './install.ts';

/** A runtime of JavaScript as the npm registry has it: a package with the executable inside. */
export interface Runtime {
  name: string;
  version: string;
  package: string;
  /** Of the executable, in its package. */
  path: string;
  /** Before the script. Deno asks for each permission otherwise. */
  args: readonly string[];
}

const { platform, arch } = process;
const EXE = platform === 'win32' ? '.exe' : '';

function node(version: string): Runtime {
  const name = `node-${platform === 'win32' ? 'win' : platform}-${arch}`;
  return { name: 'Node', version, package: name, path: `bin/node${EXE}`, args: [] };
}

const BUN: Runtime = {
  name: 'Bun',
  version: '1.4.5',
  package: `@oven/bun-${platform === 'win32' ? 'windows' : platform}-${arch === 'arm64' ? 'aarch64' : arch}`,
  path: `bin/bun${EXE}`,
  args: [],
};

const DENO: Runtime = {
  name: 'Deno',
  version: '2.9.6',
  package: `@deno/${platform}-${arch}${platform === 'linux' ? '-glibc' : ''}`,
  path: `deno${EXE}`,
  args: ['run', '--allow-all'],
};

/** The oldest Node that package.json allows, and the lines that are kept up. */
export const RUNTIMES = [node('20.19.0'), node('22.23.3'), node('24.21.0'), node('26.10.0'), BUN, DENO];

/** The oldest line that Nuxt 4.5 and SvelteKit 3 take. */
export const NODE_FOR_TOOLS = RUNTIMES[1]!;

/** Path of the executable, installed where it is missing. */
export async function installRuntime(runtime: Runtime): Promise<string> {
  const home = await emptyApp(`${runtime.name.toLowerCase()}-${runtime.version}`);
  await writeFile(join(home, 'package.json'), '{ "private": true }');
  await install(home, [`${runtime.package}@${runtime.version}`]);
  return join(home, 'node_modules', runtime.package, runtime.path);
}
