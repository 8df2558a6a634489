import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../demo/src/', import.meta.url));

/** What people would read of a template: text between tags, and attributes that are read out. */
function wordsOf(source: ts.SourceFile): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isTaggedTemplateExpression(node) && node.tag.getText(source) === 'html') {
      const { template } = node;
      const text = ts.isNoSubstitutionTemplateLiteral(template)
        ? template.text
        : [template.head.text, ...template.templateSpans.map(({ literal }) => literal.text)].join('$');
      for (const [, label] of text.matchAll(/(?:aria-label|title|alt)="([^"$]*)/g)) found.push(label!);
      found.push(...text.split(/<[^>]*>/));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found.map((text) => text.trim()).filter((text) => /\p{L}/u.test(text));
}

const parse = (text: string) => ts.createSourceFile('a.ts', text, ts.ScriptTarget.Latest);

it('finds words in templates', () => {
  const source = parse(`html\`<p title="Said">Read \${html\`<b>this</b>\`} or \${a}</p><i class="x">\${b}</i>\``);
  expect(wordsOf(source)).toEqual(['Said', 'Read $ or $', 'this']);
});

it('has every word of the page in words.ts', () => {
  const paths = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  expect(paths.length).toBeGreaterThan(40);
  const words = paths.flatMap((path) => wordsOf(parse(readFileSync(ROOT + path, 'utf8'))).map((word) => [path, word]));
  expect(words).toEqual([]);
});
