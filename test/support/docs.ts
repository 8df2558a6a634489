import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);

/** A fenced block of a Markdown file. */
export interface CodeBlock {
  code: string;
  /** The text after the language: `relay.mjs` for ```` ```js relay.mjs ````. */
  info: string;
  /** Nearest heading above, without its `#`. */
  heading: string;
}

/**
 * The fenced blocks of one language, in order.
 *
 * @param path of the Markdown file, from the root of the repository
 */
export async function codeBlocks(path: string, language: string): Promise<CodeBlock[]> {
  const text = await readFile(fileURLToPath(new URL(path, ROOT)), 'utf8');
  const blocks: CodeBlock[] = [];
  let heading = '';
  let open: { language: string; info: string; lines: string[] } | undefined;
  for (const line of text.split('\n')) {
    const fence = /^```(\w*) *(.*)$/.exec(line);
    if (open === undefined && fence !== null) open = { language: fence[1] ?? '', info: fence[2] ?? '', lines: [] };
    else if (open !== undefined && line === '```') {
      if (open.language === language) blocks.push({ code: `${open.lines.join('\n')}\n`, info: open.info, heading });
      open = undefined;
    } else if (open !== undefined) open.lines.push(line);
    else heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
  }
  return blocks;
}
