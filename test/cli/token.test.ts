import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readPipelineFixture, type SyntheticTensor } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { synthesizeFile, synthesizeFolder } from '../support/synthesize.ts';
import { writeFiles } from '../support/write-files.ts';

/**
 * A hub's token goes to the hub and appears nowhere in output or files. Oracle: a word that occurs
 * nowhere else.
 */

const BIN = fileURLToPath(new URL('../../packages/cli/bin/flux-srpo.js', import.meta.url));
const CANARY = 'hf_canaryQmFzZTY0aXNoTm9uc2Vuc2U';

const LORA: SyntheticTensor[] = [
  ['lora_unet_img_in.lora_down.weight', [2, 64], 0, 0.25],
  ['lora_unet_img_in.lora_up.weight', [96, 2], 0, 0.25],
];

let work: string;
let source: string;
let server: Server;
let hub: string;
let requests = 0;
const at = (...path: string[]) => join(work, ...path);

/**
 * Serves ranges of files to requests with the token. `/broken` answers only the first twenty
 * requests and is then gone.
 */
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'flux-srpo-token-'));
  source = at('pipeline');
  const fixture = await readPipelineFixture(readNodeFixture, 'a-3x32');
  await writeFiles(source, await synthesizeFolder(readNodeFixture, fixture));
  const files: Record<string, Uint8Array> = {
    transformer: await readFile(join(source, 'transformer/diffusion_pytorch_model.safetensors')),
    lora: await synthesizeFile('lora', LORA),
  };
  server = createServer((request, response) => {
    if (request.headers.authorization !== `Bearer ${CANARY}`) return response.writeHead(401).end();
    const [, folder, name] =
      /^\/owner\/(whole|broken)\/resolve\/main\/(\w+)\.safetensors/.exec(request.url ?? '') ?? [];
    const file = files[name ?? ''];
    if (file === undefined || (folder === 'broken' && ++requests > 20)) return response.writeHead(404).end();
    const [, start, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')!.map(Number) as number[];
    const piece = file.subarray(start, last! + 1);
    return response.writeHead(206, { 'content-range': `bytes ${start}-${last}/${file.length}` }).end(piece);
  }).listen(0);
  await new Promise((resolve) => server.once('listening', resolve));
  hub = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await rm(work, { recursive: true, force: true });
});

async function run(args: string[], env: Record<string, string> = {}): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, [BIN, ...args], { env: { ...process.env, HF_ENDPOINT: hub, ...env } });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (text += data));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, text };
}

/** Everything under `work`, as text. */
async function written(): Promise<string> {
  const entries = await readdir(work, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((path) => readFile(path, 'latin1')))).join('\n');
}

const convert = (folder: string, out: string) => [
  'convert',
  source,
  '--transformer',
  `hf:owner/${folder}/transformer.safetensors`,
  '--lora',
  `${hub}/owner/whole/resolve/main/lora.safetensors?download=true:0.5`,
  '--dtype',
  'q8',
  '--out',
  at(out),
];

it.each([
  ['as an option', ['--token', CANARY], {}],
  ['in a variable', [], { HF_TOKEN: CANARY }],
] as const)('a token %s converts, and is in neither output nor bundle', async (how, more, env) => {
  const out = how.replaceAll(' ', '-');
  const { code, text } = await run([...convert('whole', out), ...more], env);
  expect([code, text]).toEqual([0, expect.stringContaining('parts')]);
  expect(text).not.toContain(CANARY);
  expect(await readFile(at(out, 'manifest.json'), 'utf8')).toMatch(
    /"lora.safetensors",\s+"sha256": "[0-9a-f]{64}",\s+"strength": 0.5/,
  );
  expect((await run(['inspect', at(out)])).text).toMatch(/lora +lora\.safetensors at 0\.5 \([0-9a-f]{64}\)/);
  expect(await written()).not.toContain(CANARY);
});

it('a conversion that breaks off leaves nothing that holds the token', async () => {
  const { code, text } = await run([...convert('broken', 'broken'), '--token', CANARY]);
  expect([code, text]).toEqual([2, expect.stringContaining('network/status')]);
  expect(text).not.toContain(CANARY);
  // The part that was done is kept for the next try, so there are files to search.
  expect((await readdir(work)).some((name) => name.startsWith('broken'))).toBe(true);
  expect(await written()).not.toContain(CANARY);
});

it.each(['/owner/whole/resolve/main/missing.gguf', '/owner/whole/resolve/main/transformer.safetensors'])(
  'an inspection of %s that fails does not print the token',
  async (path) => {
    const wrong = path.endsWith('gguf') ? CANARY : `${CANARY}x`;
    const { code, text } = await run(['inspect', `${hub}${path}`, '--token', wrong]);
    expect([code, text]).toEqual([2, expect.stringContaining('network/status')]);
    expect(text).not.toContain(CANARY);
  },
);

it('a token that no header can carry is refused without being repeated', async () => {
  const { code, text } = await run(['inspect', 'hf:owner/whole/lora.safetensors', '--token', `${CANARY}\nx`]);
  expect(code).toBe(2);
  expect(text).not.toContain(CANARY);
});
