import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { emptyApp, install } from './install.ts';

/** Installs a Node of this version; gives the folder of its executable. */
export async function installNode(version: string): Promise<string> {
  const home = await emptyApp(`node-${version}`);
  await writeFile(join(home, 'package.json'), '{ "private": true }');
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  await install(home, [`${name}@${version}`]);
  return join(home, 'node_modules', name, 'bin');
}
