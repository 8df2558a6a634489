import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { STATUSES } from 'flux-srpo/wire';
import { HELP } from '../packages/cli/src/help.ts';
import { browsersTable } from '../test/support/browser-cases.ts';
import { clientsTable } from '../test/support/clients.ts';
import { ROOT } from './lib/process.mjs';

/**
 * `npm run docs`: writes the pages of docs/ that are made from the code. A test compares the
 * committed pages with what this makes of the code today.
 */

const MADE = '<!-- Made by "npm run docs" from the code; edit that instead. -->';

/** @param folder gets `api/*.md`, `errors.md`, `commands.md`, `clients.md` and `browsers.md` */
export function writeDocs(folder: string): void {
  const typedoc = join(ROOT, 'node_modules/typedoc/bin/typedoc');
  const options = ['--options', join(ROOT, 'docs/typedoc.json'), '--out', join(folder, 'api')];
  execFileSync(process.execPath, [typedoc, ...options], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  writeFileSync(join(folder, 'errors.md'), errorsPage());
  writeFileSync(join(folder, 'commands.md'), commandsPage());
  writeFileSync(join(folder, 'clients.md'), withTable('clients.md', clientsTable()));
  writeFileSync(join(folder, 'browsers.md'), withTable('browsers.md', browsersTable()));
}

/** A page of docs/ that is written by hand but for one table: the lines between its two marks. */
function withTable(page: string, rows: readonly string[]): string {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8');
  return text.replace(
    /(?<=^<!-- Made by .* -->\n\n)[\s\S]*?(?=^<!-- End of what is made\. -->)/m,
    `${rows.join('\n')}\n\n`,
  );
}

/** Every error code with its HTTP answer, by class. */
function errorsPage(): string {
  const source = readFileSync(join(ROOT, 'packages/core/src/errors.ts'), 'utf8');
  const comment = /\/\*\*((?:(?!\*\/).)*)\*\/\nexport class (\w+)Error extends FluxError/gs;
  const sections = [...source.matchAll(comment)].map(([, text = '', name]) => {
    const who = text.replace(/^ *\*/gm, '').replace(/\s+/g, ' ').trim();
    const family = `${name?.toLowerCase()}/`;
    const rows = Object.entries(STATUSES)
      .filter(([code]) => code.startsWith(family))
      .map(([code, [status, type, httpCode]]) => `| \`${code}\` | ${status} | \`${type}\` | \`${httpCode}\` |`);
    return [
      `## ${name}Error`,
      '',
      who,
      '',
      '| `code` | status | `error.type` | `error.code` |',
      '| --- | --- | --- | --- |',
      ...rows,
      '',
    ].join('\n');
  });
  return `${MADE}

# Errors

Every error of the library extends \`FluxError\`. Its class says who can fix it, its \`code\` is
stable, and its \`details\` hold the numbers. The message says what was expected, what came, and
what to do next.

Over HTTP (\`flux-srpo serve\`, \`createLocalFetch\`) the same error is
\`{ error: { message, type, param, code } }\` with a status. 429 comes with \`Retry-After\`, every
other status with \`x-should-retry: false\`.

\`\`\`ts
import { isFluxError } from 'flux-srpo';

export function advice(error: unknown): string {
  if (isFluxError(error, 'device/out-of-memory')) return 'Close other tabs, or choose a smaller picture.';
  if (isFluxError(error, 'network/')) return 'Try again.';
  return String(error);
}
\`\`\`

A cancelled call is no such error. It rejects with the signal's reason, by default a
\`DOMException\` named \`AbortError\`.

${sections.join('\n')}`;
}

/** The help texts of the commands. */
function commandsPage(): string {
  const { overview, ...commands } = HELP;
  const sections = Object.entries(commands).map(([name, text]) => `## ${name}\n\n\`\`\`\n${text}\`\`\`\n`);
  return `${MADE}

# Commands

\`\`\`
${overview}\`\`\`

Run it as \`npx flux-srpo\` where the package is installed. \`generate\` and \`serve\` need
\`onnxruntime-node\` beside it to compute on the CPU, and \`webgpu\` to compute on a GPU.

| exit status | when |
| --- | --- |
| 0 | it worked |
| 1 | a bug |
| 2 | an error that the user can fix |
| 130 | it was stopped |

${sections.join('\n')}`;
}

if (process.argv[1] === import.meta.filename) writeDocs(join(ROOT, 'docs'));
