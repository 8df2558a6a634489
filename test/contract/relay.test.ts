import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFluxSrpo } from 'flux-srpo';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeBlocks } from '../support/docs.ts';
import { SMALL, tinyBundle } from '../support/engine.ts';
import { freePort } from '../support/free-port.ts';
import { type RunningServer, startServer } from '../support/server.ts';

/** The relay of docs/relay.md, as printed there, in front of a real server that requires a key. */

const KEY = 'sk-canary-0b6f2d9e';
const REQUEST = { ...SMALL, seed: 7, output_format: 'b64_json' } as const;

let server: RunningServer;
let relay: ChildProcess;
let folder: string;
let baseURL: string;
beforeAll(async () => {
  server = await startServer(await tinyBundle(), { options: ['--api-key', KEY] });
  folder = await mkdtemp(join(tmpdir(), 'flux-srpo-relay-'));
  const script = join(folder, 'relay.mjs');
  await writeFile(script, (await relayCode()).code);
  const port = await freePort();
  baseURL = `http://127.0.0.1:${port}/v1`;
  relay = spawn(process.execPath, [script], {
    env: { UPSTREAM: `${server.url}/v1`, AUTHORIZATION: `Bearer ${KEY}`, PORT: String(port) },
    stdio: 'inherit',
  });
  while (!(await fetch(baseURL).catch(() => undefined))) await new Promise((resolve) => setTimeout(resolve, 50));
});
afterAll(async () => {
  relay?.kill();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function relayCode() {
  const [block] = await codeBlocks('docs/relay.md', 'js');
  return block!;
}

const post = (body: string, init: RequestInit = {}) =>
  fetch(`${baseURL}/images/generations`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
    ...init,
  });

describe('the relay of the docs', () => {
  it('gives a caller without a key the picture that the server gives one with it', async () => {
    await using keyless = createFluxSrpo({ backend: 'remote', remote: { baseURL } });
    await using holder = createFluxSrpo({
      backend: 'remote',
      remote: { baseURL: `${server.url}/v1`, apiKey: `Bearer ${KEY}` },
    });
    const [through, direct] = [await keyless.images.generate(REQUEST), await holder.images.generate(REQUEST)];
    expect(through.data[0]?.b64_json).toBe(direct.data[0]?.b64_json);
    expect(through.data[0]?.b64_json).toMatch(/^iVBOR/);
    // The control: the server does require the key.
    await using refused = createFluxSrpo({ backend: 'remote', remote: { baseURL: `${server.url}/v1` } });
    await expect(refused.images.generate(REQUEST)).rejects.toMatchObject({ code: 'input/unauthorized' });
  });

  it('never shows the key', async () => {
    for (const body of [JSON.stringify(REQUEST), '{}', 'no JSON']) {
      const response = await post(body);
      const shown = JSON.stringify([...response.headers]) + (await response.text());
      expect(shown).not.toContain(KEY);
    }
  });

  it('hands on what the server says of a wrong request', async () => {
    await using flux = createFluxSrpo({ backend: 'remote', remote: { baseURL } });
    await expect(flux.images.generate({ ...REQUEST, model: 'other' })).rejects.toMatchObject({
      code: 'model/not-found',
    });
  });

  it('lets the longest prompt through', async () => {
    // 32,000 characters of three bytes each; the server itself refuses the size.
    const refused = await post(JSON.stringify({ prompt: '家'.repeat(32_000), size: '1x1' }));
    expect([refused.status, (await refused.json()).error.param]).toEqual([400, 'size']);
  });

  it('answers one path, one method and small bodies', async () => {
    expect((await fetch(`${baseURL}/models`)).status).toBe(404);
    expect((await fetch(`${baseURL}/images/generations`)).status).toBe(404);
    expect((await post(JSON.stringify({ ...REQUEST, prompt: 'x'.repeat(1_100_000) }))).status).toBe(413);
  });

  it('stops the server’s work when the page goes away', async () => {
    const page = new AbortController();
    const endless = JSON.stringify({ ...REQUEST, num_inference_steps: 1000, size: '256x256' });
    const answer = post(endless, { signal: page.signal });
    const running = async () => (await (await fetch(`${server.url}/health`)).json()).queue.running;
    await expect.poll(running).toBe(1);
    page.abort();
    await expect(answer).rejects.toThrow();
    await expect.poll(running).toBe(0);
  });
});
