import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Columns of prose. Code has the formatter's own width. */
const WIDTH = 100;

/** Made from the code, whose own comments are checked. */
const GENERATED = /^docs\/(api\/.*|errors\.md|commands\.md)$|\/onnx_pb\.ts$/;

async function files(...patterns: string[]): Promise<string[]> {
  const args = ['ls-files', '-co', '--exclude-standard', '--deduplicate', ...patterns];
  const { stdout } = await promisify(execFile)('git', args, { cwd: ROOT, maxBuffer: 2 ** 24 });
  return stdout.split('\n').filter((path) => path !== '' && !GENERATED.test(path));
}

/** Lines of prose in Markdown: all but fenced code and tables. */
function prose(markdown: string): string[] {
  let isCode = false;
  return markdown.split('\n').map((line) => {
    const isFence = line.trimStart().startsWith('```');
    if (isFence) isCode = !isCode;
    return isCode || isFence || line.startsWith('|') ? '' : line;
  });
}

/** Lines that are nothing but comment. */
function comments(source: string): string[] {
  return source.split('\n').map((line) => (/^\s*(\/\/|\/\*|\*[ /])/.test(line) ? line : ''));
}

it.each([
  ['Markdown', ['*.md'], prose, 500],
  ['comments', ['*.ts', '*.mjs'], comments, 5000],
])(`%s has lines of at most ${WIDTH} columns, addresses aside`, async (_what, patterns, linesOf, atLeast) => {
  const wide: string[] = [];
  let checked = 0;
  for (const path of await files(...patterns)) {
    const lines = linesOf(await readFile(join(ROOT, path), 'utf8').catch(() => ''));
    for (const [i, line] of lines.entries()) {
      if (line !== '') checked++;
      if (line.replace(/https?:\/\/\S+/g, '').length > WIDTH) wide.push(`${path}:${i + 1}`);
    }
  }
  expect(wide).toEqual([]);
  // A wrong search would find nothing wide either.
  expect(checked).toBeGreaterThan(atLeast);
});
