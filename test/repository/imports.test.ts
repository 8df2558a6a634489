import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Import {
  from: string;
  /** Both are paths from the root of the repository. */
  to: string;
}

/**
 * Every import of another file, and every file that is named by `new URL('…', import.meta.url)`.
 */
async function relativeImports(): Promise<Import[]> {
  const args = ['ls-files', '-co', '--exclude-standard', '*.ts', '*.mjs'];
  const { stdout } = await promisify(execFile)('git', args, { cwd: ROOT, maxBuffer: 2 ** 24 });
  const found: Import[] = [];
  for (const from of stdout.split('\n').filter(Boolean)) {
    const source = await readFile(join(ROOT, from), 'utf8').catch(() => '');
    for (const [, target] of source.matchAll(/(?:from|import|import\(|new URL\() ?['`](\.[^'`$]*)/g))
      found.push({ from, to: normalize(join(dirname(from), target!)) });
  }
  return found;
}

/**
 * `test/<tier>/…` gives the tier. What every tier may use (test/support, test/fixtures) gives
 * nothing.
 */
function tierOf(path: string): string | undefined {
  const folder = /^test\/([^/]+)\//.exec(path)?.[1];
  return folder === 'support' || folder === 'fixtures' ? undefined : folder;
}

/**
 * The folder whose own builders lie in a `support` or `test-support` folder: `test/e2e`,
 * `packages/export/src`.
 */
function supportOwner(path: string): string | undefined {
  return /^(.*)\/(?:test-)?support\//.exec(path)?.[1];
}

const isTestCode = (path: string) => /\.test\.ts$|^test\/|^bench\/|\/test-support\//.test(path);

describe('imports of tests', async () => {
  const imports = await relativeImports();
  const broken = (isWrong: (one: Import) => boolean | undefined) =>
    imports.filter(isWrong).map(({ from, to }) => `${from} imports ${to}`);

  it('are found', () => {
    expect(imports.length).toBeGreaterThan(1000);
  });

  it('never lead into a tier from outside of it', () => {
    const isOutside = ({ from, to }: Import) => tierOf(to) !== undefined && tierOf(from) !== tierOf(to);
    expect(broken((one) => isOutside(one) && one.from !== 'vite.config.ts')).toEqual([]);
  });

  it('never lead from the library into test code', () => {
    const isLibrary = (path: string) => /^(packages|demo)\//.test(path) && !isTestCode(path);
    expect(broken(({ from, to }) => isLibrary(from) && isTestCode(to))).toEqual([]);
  });

  it('take a package’s builders into that package’s tests, test/ and bench/ only', () => {
    const isStranger = ({ from, to }: Import) => {
      const owner = supportOwner(to);
      return owner?.startsWith('packages/') && !from.startsWith(owner) && !/^(test|bench)\//.test(from);
    };
    expect(broken(isStranger)).toEqual([]);
  });

  it('find one folder of builders at each level', () => {
    const owners = new Set(imports.flatMap(({ to }) => supportOwner(to) ?? []));
    for (const owner of owners) expect(owner).toMatch(/^(test|test\/[^/]+|bench|packages\/[^/]+\/src)$/);
  });
});
