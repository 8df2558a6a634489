import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIENTS, type Client } from '../support/clients.ts';
import { type CodeBlock, codeBlocks } from '../support/docs.ts';
import { freePort } from '../support/free-port.ts';
import { pngText } from '../support/png-text.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { npmEnvironment, pythonEnvironment, Unavailable } from './clients/environment.ts';
import { askAsOpenWebUi } from './clients/open-webui.ts';

/**
 * The code of docs/clients.md, as printed there, with real clients. Oracle: the file that
 * `flux-srpo generate` draws with the same seed.
 */

const run = promisify(execFile);
const BIN = fileURLToPath(new URL('../../packages/cli/bin/flux-srpo.js', import.meta.url));
const MODEL = fileURLToPath(new URL('../../models/tiny/bundle', import.meta.url));
const PROMPT = 'a red house';
/** The proxy loads some hundred modules. */
const START_MS = 120_000;

let folder: string;
let server: RunningServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flux-srpo-clients-'));
  server = await startServer(MODEL);
});
afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The file that the command line draws. */
async function drawn(seed: number): Promise<Buffer> {
  const out = join(folder, `seed-${seed}.png`);
  await run(process.execPath, [
    BIN,
    'generate',
    '--model',
    MODEL,
    '--prompt',
    PROMPT,
    '--seed',
    `${seed}`,
    '--out',
    out,
  ]);
  return readFile(out);
}

describe.each(CLIENTS)('$name', (client) => {
  const versions = client.versions.length === 0 ? [[]] : client.versions;
  it.for(versions.map((packages) => ({ packages, label: packages.join(' ') || 'nothing installed' })))(
    'gets the picture: $label',
    async ({ packages }, { skip }) => {
      const blocks = (await codeBlocks('docs/clients.md')).filter(({ heading }) => heading === client.name);
      const picture = await ask(client, blocks, packages).catch((error: unknown) => {
        if (error instanceof Unavailable) skip(error.message);
        throw error;
      });
      const { seed } = JSON.parse(pngText(picture).get('flux-srpo') ?? '{}') as { seed: number };
      if (blocks.some(({ code }) => code.includes('seed'))) expect(seed).toBe(7);
      expect(picture.equals(await drawn(seed))).toBe(true);
    },
  );
});

/** Runs a section's code in a folder of its own. Returns what it wrote as `picture.png`. */
async function ask(client: Client, blocks: readonly CodeBlock[], packages: readonly string[]): Promise<Buffer> {
  const home = await mkdtemp(join(folder, 'client-'));
  const port = `${await freePort()}`;
  const here = (code: string) =>
    code.replaceAll('http://127.0.0.1:8080', server.url).replaceAll(/(127\.0\.0\.1:|--port )4000/g, `$1${port}`);
  for (const { info, code } of blocks) if (info !== '') await writeFile(join(home, info), here(code));
  const [first, ...more] = blocks.filter(({ language }) => language === client.language).map(({ code }) => here(code));
  if (client.language === 'env') return Buffer.from(await askAsOpenWebUi(first!, PROMPT));
  const environment = await environmentOf(client, packages);
  const options = { cwd: home, env: environment.variables };
  if (client.language === 'js') {
    await symlink(join(environment.folder, 'node_modules'), join(home, 'node_modules'), 'junction');
    await writeFile(join(home, 'client.mjs'), first!);
    await run(process.execPath, ['client.mjs'], options);
  } else if (client.language === 'python') {
    await run('python3', ['-c', first!], options);
  } else {
    await runShell([first!, ...more], port, options);
  }
  return readFile(join(home, 'picture.png'));
}

/** Where a client's packages are, and the variables under which its commands are found. */
async function environmentOf(client: Client, packages: readonly string[]) {
  if (packages.length === 0) return { folder: '', variables: process.env };
  const folder = client.isPython ? await pythonEnvironment(packages) : await npmEnvironment(packages);
  const PATH = [join(folder, 'bin'), process.env.PATH].join(delimiter);
  // LiteLLM would fetch a list of prices when it starts.
  return { folder, variables: { ...process.env, PATH, LITELLM_LOCAL_MODEL_COST_MAP: 'True' } };
}

/** Runs the last script. Those before it are servers, which are up when the port answers. */
async function runShell(
  scripts: readonly string[],
  port: string,
  options: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<void> {
  const servers = scripts.slice(0, -1).map((script) => spawn('sh', ['-c', `exec ${script}`], options));
  try {
    for (const child of servers) await untilUp(child, port);
    await run('sh', ['-ec', scripts.at(-1)!], options);
  } finally {
    for (const child of servers) child.kill();
  }
}

async function untilUp(child: ChildProcess, port: string): Promise<void> {
  let said = '';
  child.stdout?.on('data', (data) => {
    said += data;
  });
  child.stderr?.on('data', (data) => {
    said += data;
  });
  for (const deadline = Date.now() + START_MS; ; await new Promise((resolve) => setTimeout(resolve, 200))) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (answer !== undefined) return;
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`the server did not start: ${said}`);
  }
}
