import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const read = (path: string) => readFile(join(ROOT, path), 'utf8');

/** Every Markdown file of the repository, from its root. */
async function pages(): Promise<string[]> {
  const { stdout } = await run('git', ['ls-files', '-z', '-co', '--exclude-standard', '*.md'], { cwd: ROOT });
  return stdout.split('\0').filter((path) => path !== '' && existsSync(join(ROOT, path)));
}

/** Text without fenced blocks and code spans, where nothing is a link. */
function prose(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, 'code');
}

/**
 * The anchors of a page, as GitHub makes them of headings: lower case, no punctuation, hyphens for
 * blanks, repeats numbered. Anchors set by hand count too.
 */
function anchors(markdown: string): Set<string> {
  const seen = new Map<string, number>();
  const found = new Set([...markdown.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, id]) => id!));
  for (const [, heading] of markdown.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ +(.*)$/gm)) {
    const slug = heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    found.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return found;
}

describe('the documentation', () => {
  it('links to files and headings that exist', async () => {
    const broken: string[] = [];
    let links = 0;
    for (const page of await pages()) {
      for (const [, target] of prose(await read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^(https?|mailto):/.test(target!)) continue;
        links++;
        const [path, anchor] = target!.split('#') as [string, string?];
        const file = path === '' ? page : join(dirname(page), decodeURI(path));
        const exists = existsSync(join(ROOT, file));
        if (!exists || (anchor !== undefined && !anchors(await read(file)).has(anchor)))
          broken.push(`${page}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
    // A wrong search would find nothing broken either.
    expect(links).toBeGreaterThan(100);
  });

  it('names files of the repository that exist', async () => {
    const missing: string[] = [];
    for (const page of await pages()) {
      const text = (await read(page)).replace(/^```[\s\S]*?^```/gm, '');
      for (const [, path] of text.matchAll(
        /`((?:packages|test|scripts|models|demo|docs|bench)\/[\w./-]+\.(?:ts|mjs|md|json|py|sh))`/g,
      )) {
        const homes = ['', dirname(page)].map((home) => resolve(ROOT, home, path!));
        if (!homes.some((file) => existsSync(file))) missing.push(`${page}: ${path}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it('shows no code that waits for `persist`, which Firefox answers when the person does', async () => {
    const blocks = (await Promise.all((await pages()).map(read))).flatMap(
      (page) => page.match(/^```[\s\S]*?^```/gm) ?? [],
    );
    expect(blocks.filter((code) => /\.persist\(/.test(code))).toHaveLength(1);
    expect(blocks.filter((code) => /await [\w.]*\.persist\(/.test(code))).toEqual([]);
  });

  it('proves what it says of privacy by tests that there are', async () => {
    const rows = (await read('docs/privacy.md')).matchAll(/\]\((\S+\.test\.ts)\) "([^"]+)"/g);
    const proofs = [...rows].map(([, path, title]) => ({ file: join('docs', path!), title: title! }));
    expect(proofs.length).toBeGreaterThan(8);
    for (const { file, title } of proofs) expect(await read(file), file).toContain(`'${title}'`);
  });

  it('is what "npm run docs" makes of the code today, every public symbol documented', async () => {
    const made = await mkdtemp(join(tmpdir(), 'flux-srpo-docs-'));
    const script = "import { writeDocs } from './scripts/docs.ts'; writeDocs(process.argv[1]);";
    await run(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script, made], { cwd: ROOT });
    const files = await readdir(made, { recursive: true });
    const stale: string[] = [];
    for (const file of files.filter((name) => name.endsWith('.md'))) {
      const committed = await read(join('docs', file)).catch(() => '');
      if (committed !== (await readFile(join(made, file), 'utf8'))) stale.push(file);
    }
    await rm(made, { recursive: true });
    expect(stale, 'run "npm run docs" and commit what it changes').toEqual([]);
  });
});
