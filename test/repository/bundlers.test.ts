import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { codeBlocks } from '../support/docs.ts';
import { PROJECTS } from '../support/project.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = join(ROOT, 'test/ecosystem/projects');
const LANGUAGES = ['js', 'ts', 'jsx', 'svelte', 'vue', 'html', 'json'];

/** The package whose version a row names, where it is not called as the project is. */
const PACKAGES: Record<string, string> = { rsbuild: '@rsbuild/core', sveltekit: '@sveltejs/kit' };

/** `Plain HTML` → `plain`: the folder that a heading or a row is about. */
const projectOf = (title: string) => title.toLowerCase().replace(' html', '');

async function pinned(project: string): Promise<Record<string, string>> {
  const manifest = JSON.parse(await readFile(join(FOLDER, project, 'package.json'), 'utf8'));
  return { ...manifest.dependencies, ...manifest.devDependencies };
}

describe('docs/bundlers.md', () => {
  it('shows the files that the tests build', async () => {
    const blocks = (await Promise.all(LANGUAGES.map((language) => codeBlocks('docs/bundlers.md', language)))).flat();
    for (const { code, info, heading } of blocks) {
      const path = info === 'copy.mjs' ? info : join(projectOf(heading), info);
      expect(code, path).toBe(await readFile(join(FOLDER, path), 'utf8'));
    }
    expect(new Set(blocks.map(({ heading }) => projectOf(heading)))).toEqual(new Set(PROJECTS.map(({ name }) => name)));
  });

  it('names each tool with the version that the tests install', async () => {
    const page = await readFile(join(ROOT, 'docs/bundlers.md'), 'utf8');
    const rows = [...page.matchAll(/^\| \[(.+)\]\(#\S+\) \| (\S*) ?\|/gm)].map(([, title, version]) => ({
      project: projectOf(title!),
      version,
    }));
    expect(rows.map(({ project }) => project).sort()).toEqual(PROJECTS.map(({ name }) => name).sort());
    for (const { project, version } of rows) {
      const expected = (await pinned(project))[PACKAGES[project] ?? project] ?? '';
      expect({ project, version }).toEqual({ project, version: expected });
    }
  });

  it('is tested in "npm test" with the same versions, where the workspace has the tool', async () => {
    const { devDependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    for (const { name, links } of PROJECTS) {
      if (links === undefined) continue;
      for (const [tool, version] of Object.entries(await pinned(name))) expect(devDependencies[tool]).toBe(version);
    }
  });
});
