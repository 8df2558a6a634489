import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeBlocks } from '../support/docs.ts';
import { installPacked, packedTarball, workspaceCopy } from '../support/packed.ts';

/** The published tarball as package managers, bundlers and type checkers see it. */

/** The modules that a module imports, statically or dynamically. Comments do not count. */
const IMPORTS = /(?:(?:^|;)(?:import|export)\b[^"'`;*]*?from ?|(?<!\{)\bimport\()["'`]([^"'`]+)["'`]/gm;
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SIZES = join(ROOT, 'scripts/sizes.mjs');
/** The least version that docs/embed.md names, the one of the workspace, and the newest. */
const COMPILERS = ['typescript-least', 'typescript', 'typescript-newest'];

let tarball: Uint8Array<ArrayBuffer>;
let app: string;
let library: string;
beforeAll(async () => {
  tarball = Uint8Array.from(await readFile(await packedTarball()));
  app = await mkdtemp(join(tmpdir(), 'flux-srpo-package-'));
  library = join(app, 'node_modules/flux-srpo');
  await installPacked(app, []);
});
afterAll(() => rm(app, { recursive: true, force: true }));

describe('the packed library', () => {
  // Oracle: publint's rules for package.json, against what Node and the bundlers really read.
  it('gives publint nothing to say', async () => {
    const { messages, pkg } = await publint({ pack: { tarball: tarball.buffer }, level: 'suggestion', strict: true });
    expect(messages.map((message) => formatMessage(message, pkg ?? {}))).toEqual([]);
  });

  // Oracle: are-the-types-wrong, which resolves every entry as TypeScript does. The package is ESM
  // only, so problems of `require` alone are left out.
  it('has types that resolve as the modules do, in every entry', async () => {
    const analysis = await checkPackage(createPackageFromTarballData(tarball));
    expect(analysis.types).toBeTruthy();
    const problems = 'problems' in analysis ? analysis.problems : [];
    const esm = problems.filter(
      (problem) =>
        !('resolutionKind' in problem && ['node10', 'node16-cjs'].includes(problem.resolutionKind)) &&
        problem.kind !== 'CJSResolvesToESM',
    );
    expect(esm).toEqual([]);
    const entries = 'entrypoints' in analysis ? Object.keys(analysis.entrypoints) : [];
    expect(entries).toEqual(
      expect.arrayContaining(['.', './fetch', './ai-sdk', './node', './remote', './wire', './worker']),
    );
  });

  it('holds nothing of the workspace: no sources, no private package, no second runtime', async () => {
    const files = await readdir(library, { recursive: true });
    expect(files.filter((file) => /\.wasm$|(?<!\.d)\.ts$|\.map$/.test(file))).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENSE', join('dist', 'THIRD-PARTY.txt')]));
    const manifest = JSON.parse(await readFile(join(library, 'package.json'), 'utf8'));
    expect(manifest).not.toHaveProperty('private');
    // Nothing runs at install, so `--ignore-scripts` changes nothing.
    expect(manifest).not.toHaveProperty('scripts');
    expect(Object.keys(manifest.dependencies)).toEqual(['onnxruntime-web']);
    const imported = new Set<string>();
    for (const file of files.filter((name) => /\.(js|d\.ts)$/.test(name))) {
      const text = await readFile(join(library, file), 'utf8');
      for (const [, name] of text.matchAll(IMPORTS)) imported.add(name!);
    }
    const foreign = [...imported].filter((name) => !name.startsWith('.') && !isBuiltin(name));
    expect(foreign.sort()).toEqual([
      'onnxruntime-node',
      'onnxruntime-web/jspi',
      'onnxruntime-web/wasm',
      'onnxruntime-web/webgpu',
      'webgpu',
    ]);
  });

  // Oracle: two tools that know nothing of each other look into each build.
  it.each(['.', 'standalone', 'cli'])(
    'lists in dist/%s the packages whose licences are beside the list',
    async (build) => {
      const folder = join(library, 'dist', build);
      const { components } = JSON.parse(await readFile(join(folder, 'sbom.cdx.json'), 'utf8')) as {
        components: { group?: string; name: string; version: string }[];
      };
      const listed = components.map(({ group, name, version }) => `${group ? `${group}/` : ''}${name} ${version}`);
      const licences = await readFile(join(folder, 'THIRD-PARTY.txt'), 'utf8');
      const licensed = [...licences.matchAll(/^(\S+ \d\S*) \(.+\)$/gm)].map(([, line]) => line);
      expect(listed.length).toBeGreaterThan(3);
      expect(listed.sort()).toEqual(licensed.sort());
    },
  );

  it('has an entry within its budget', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [SIZES]);
    console.log(stdout.trim());
    expect(stdout).toMatch(/^entry, comlink included +\d/);
  });

  // Oracle: TypeScript, with checks of library files on and no other types installed.
  it.each(
    COMPILERS.flatMap((compiler) => ['nodenext', 'bundler'].map((resolution) => [compiler, resolution] as const)),
  )(
    'type-checks in a strict project with ES2022, %s, %s resolution, examples of the docs included',
    async (compiler, resolution) => {
      const entries = ['', '/fetch', '/ai-sdk', '/node', '/remote', '/wire', '/worker'];
      await writeFile(
        join(app, 'entries.ts'),
        entries.map((entry, i) => `export * as entry${i} from 'flux-srpo${entry}';`).join('\n'),
      );
      const pages = ['README.md', 'packages/images/README.md', 'docs/errors.md', 'docs/import.md', 'docs/relay.md'];
      for (const page of pages) {
        for (const [i, { code }] of (await codeBlocks(page, 'ts')).entries()) {
          // A block without imports is a fragment for readers.
          if (code.startsWith('import ')) await writeFile(join(app, `${page.replaceAll('/', '-')}.${i}.ts`), code);
        }
      }
      const compilerOptions = {
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        noEmit: true,
        target: 'es2022',
        lib: ['es2022', 'dom', 'dom.iterable'],
        types: [],
        module: resolution === 'bundler' ? 'esnext' : 'nodenext',
        moduleResolution: resolution,
        skipLibCheck: false,
      };
      await writeFile(join(app, 'package.json'), '{ "type": "module" }');
      await writeFile(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
      const home = workspaceCopy(compiler);
      const { version, bin } = JSON.parse(await readFile(join(home, 'package.json'), 'utf8'));
      if (compiler === 'typescript-least') {
        const said = /TypeScript (\d+\.\d+) or later/.exec(await readFile(join(ROOT, 'docs/embed.md'), 'utf8'))?.[1];
        expect(version.startsWith(`${said}.`)).toBe(true);
      }
      const tsc = [join(home, bin.tsc), '-p', app];
      const { stdout } = await promisify(execFile)(process.execPath, tsc).catch((error) => error);
      expect(stdout).toBe('');
    },
  );
});
