import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * `node scripts/pack.mjs [folder]`: builds the library and writes the tarball that is published
 * (`npm publish <tarball>`).
 */

const library = fileURLToPath(new URL('..', import.meta.url));
const workspace = join(library, '../..');

/**
 * What a registry gets: `files`, README, licence, and package.json as pnpm would publish it, with
 * `publishConfig` in effect and without what only this workspace needs. npm's own `pack` knows
 * nothing of such a `publishConfig`.
 *
 * @param {string} folder
 * @returns {{ path: string, size: number, unpackedSize: number }}
 */
export function pack(folder) {
  const stage = mkdtempSync(join(tmpdir(), 'flux-srpo-stage-'));
  try {
    const { publishConfig, scripts, devDependencies, ...manifest } = JSON.parse(
      readFileSync(join(library, 'package.json'), 'utf8'),
    );
    for (const file of manifest.files) cpSync(join(library, file), join(stage, file), { recursive: true });
    cpSync(join(library, 'README.md'), join(stage, 'README.md'));
    cpSync(join(workspace, 'LICENSE'), join(stage, 'LICENSE'));
    writeFileSync(join(stage, 'package.json'), `${JSON.stringify({ ...manifest, ...publishConfig }, null, 2)}\n`);
    mkdirSync(folder, { recursive: true });
    const [{ filename, size, unpackedSize }] = JSON.parse(
      execFileSync('npm', ['pack', '--json', '--pack-destination', resolve(folder)], {
        cwd: stage,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
        // npm is a .cmd file on Windows, which only a shell can start.
        shell: process.platform === 'win32',
      }),
    );
    return { path: join(resolve(folder), filename), size, unpackedSize };
  } finally {
    rmSync(stage, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = resolve(process.argv[2] ?? '.');
  await import('./build.mjs');
  process.stdout.write(`${pack(folder).path}\n`);
}
