import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);

/** A fenced block of a Markdown file. */
export interface CodeBlock {
  code: string;
  language: string;
  /** The text after the language: `relay.mjs` for ```` ```js relay.mjs ````. */
  info: string;
  /** Nearest heading above, without its `#`. */
  heading: string;
}

/**
 * The fenced blocks of one language, or of all, in order.
 *
 * @param path of the Markdown file, from the root of the repository
 */
export async function codeBlocks(path: string, language?: string): Promise<CodeBlock[]> {
  const text = await readFile(fileURLToPath(new URL(path, ROOT)), 'utf8');
  const blocks: CodeBlock[] = [];
  let heading = '';
  let open: { language: string; info: string; lines: string[] } | undefined;
  for (const line of text.split('\n')) {
    const fence = /^```(\w*) *(.*)$/.exec(line);
    if (open === undefined && fence !== null) open = { language: fence[1] ?? '', info: fence[2] ?? '', lines: [] };
    else if (open !== undefined && line === '```') {
      const { lines, ...rest } = open;
      if (language === undefined || language === open.language)
        blocks.push({ ...rest, code: `${lines.join('\n')}\n`, heading });
      open = undefined;
    } else if (open !== undefined) open.lines.push(line);
    else heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
  }
  return blocks;
}
