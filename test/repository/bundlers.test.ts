import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { codeBlocks } from '../support/docs.ts';
import { EXAMPLES, PROJECTS, type Project } from '../support/project.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const LANGUAGES = ['js', 'ts', 'jsx', 'svelte', 'vue', 'html', 'json'];

/** The package whose version a row names, where it is not called as the project is. */
const PACKAGES: Record<string, string> = { rsbuild: '@rsbuild/core', sveltekit: '@sveltejs/kit' };

/** `Plain HTML` → `plain`: the folder that a heading or a row is about. */
const projectOf = (title: string) => title.toLowerCase().replace(' html', '');
const folderOf = (title: string) => PROJECTS.find(({ name }) => name === projectOf(title))?.folder ?? '';

async function pinned({ folder }: Project): Promise<Record<string, string>> {
  const manifest = JSON.parse(await readFile(join(ROOT, folder, 'package.json'), 'utf8'));
  return { ...manifest.dependencies, ...manifest.devDependencies };
}

describe('docs/bundlers.md', () => {
  it('shows the files that the tests build', async () => {
    const blocks = (await Promise.all(LANGUAGES.map((language) => codeBlocks('docs/bundlers.md', language)))).flat();
    for (const { code, info, heading } of blocks) {
      const path = join(info === 'copy.mjs' ? 'examples/plain' : folderOf(heading), info);
      expect(code, path).toBe(await readFile(join(ROOT, path), 'utf8'));
    }
    expect(new Set(blocks.map(({ heading }) => projectOf(heading)))).toEqual(new Set(PROJECTS.map(({ name }) => name)));
  });

  it('names each tool with the version that the tests install', async () => {
    const page = await readFile(join(ROOT, 'docs/bundlers.md'), 'utf8');
    const rows = [...page.matchAll(/^\| \[(.+)\]\(#\S+\) \| (\S*) ?\|/gm)].map(([, title, version]) => ({
      project: projectOf(title!),
      version,
    }));
    const expected = PROJECTS.map(async (project) => ({
      project: project.name,
      version: (await pinned(project))[PACKAGES[project.name] ?? project.name] ?? '',
    }));
    const byName = (a: { project: string }, b: { project: string }) => (a.project < b.project ? -1 : 1);
    expect(rows.sort(byName)).toEqual((await Promise.all(expected)).sort(byName));
  });

  it('is tested in "npm test" with the same versions, where the workspace has the tool', async () => {
    const { devDependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    for (const project of [...PROJECTS, ...EXAMPLES]) {
      if (project.links === undefined) continue;
      for (const [tool, version] of Object.entries(await pinned(project))) expect(devDependencies[tool]).toBe(version);
    }
  });
});

describe('examples/', () => {
  it('holds what the tests build, each file of at most 40 lines', async () => {
    const entries = await readdir(join(ROOT, 'examples'), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => `examples/${name}`);
    expect(folders.sort()).toEqual(EXAMPLES.map(({ folder }) => folder).sort());
    for (const folder of folders) {
      const { stdout } = await run('git', ['ls-files', '-co', '--exclude-standard', folder], { cwd: ROOT });
      for (const file of stdout.trim().split('\n')) {
        const lines = (await readFile(join(ROOT, file), 'utf8')).trimEnd().split('\n');
        expect(lines.length, file).toBeLessThanOrEqual(40);
      }
    }
  });
});
