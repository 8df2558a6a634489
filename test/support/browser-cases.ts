import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What the tier `browsers` tries where, and what it found last: the table of docs/browsers.md. */

export const BROWSERS = ['Chromium', 'Firefox', 'WebKitGTK'] as const;
export type BrowserName = (typeof BROWSERS)[number];

/** The names of the tests. */
export const CASES = {
  wasm: 'draws on wasm, the same file as Chromium',
  webgpu: 'draws on WebGPU what it draws on wasm',
  keep: 'keeps the model that it loads',
  private: 'keeps it in a private window too, and draws there',
  offline: 'draws without a server, in a new worker too',
  once: 'fetches a model once for two clients that load it at once',
  clear: 'does not say that it keeps what was cleared while it loaded',
  failure: 'leaves nothing behind a load that fails',
  room: 'keeps a model for which it has no room',
  stop: 'stops when it is told to, and draws again',
  errors: 'carries errors out of the worker with their code, and says what a wrong file is',
  localFetch: 'answers a local fetch as the server would',
  import: 'imports a model into its file system',
} as const;
export type CaseName = keyof typeof CASES;

/** It works, or an error's code refuses it, or it was not tried for a reason. */
export type Finding = 'yes' | { refused: string } | { skipped: string };

export interface Found {
  version: string;
  cases: Partial<Record<CaseName, Finding>>;
}

/** What `npm run test:browsers -- --write` wrote last. */
export const FINDINGS = fileURLToPath(new URL('browser-findings.json', import.meta.url));

export function readFindings(): Record<BrowserName, Found> {
  return JSON.parse(readFileSync(FINDINGS, 'utf8'));
}

/** The lines of the table of docs/browsers.md. */
export function browsersTable(): string[] {
  const findings = readFindings();
  const row = (title: string, cell: (found: Found) => string) =>
    `| ${[title, ...BROWSERS.map((name) => cell(findings[name]))].join(' | ')} |`;
  return [
    `| | ${BROWSERS.join(' | ')} |`,
    `| --- |${' --- |'.repeat(BROWSERS.length)}`,
    row('version', ({ version }) => version),
    ...Object.entries(CASES).map(([name, title]) => row(title, ({ cases }) => told(cases[name as CaseName]))),
  ];
}

function told(finding: Finding = { skipped: 'not run' }): string {
  if (finding === 'yes') return finding;
  return 'refused' in finding ? `no: \`${finding.refused}\`` : `– (${finding.skipped})`;
}
