import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BundleFolder } from '../support/bundle.ts';
import { SMALL, tinyBundle } from '../support/engine.ts';
import { startServer } from '../support/server.ts';

const REQUEST = { ...SMALL, seed: 7 };

let files: BundleFolder;

beforeAll(async () => {
  files = await tinyBundle();
});

function post(url: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/v1/images/generations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

describe('flux-srpo serve', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'lets a running request finish after %s, and exits with 0',
    async (signal) => {
      const running = await startServer(files);
      const streamed = { output_format: 'b64_json', stream: true, partial_images: 3 };
      const answer = await post(running.url, { ...REQUEST, ...streamed, num_inference_steps: 100 });
      // The first of three rough pictures comes after a quarter of the steps.
      let text = '';
      let code: Promise<number | null> | undefined;
      for await (const piece of answer.body!.pipeThrough(new TextDecoderStream())) {
        text += piece;
        if (text.includes('partial_image')) code ??= running.stop(signal);
      }
      expect(text).toContain('event: image_generation.completed');
      expect(await code).toBe(0);
    },
  );

  it.each([
    ['as an option', ['--api-key', 'sk-secret'], {}],
    ['in a variable', [], { FLUX_SRPO_API_KEY: 'sk-secret' }],
  ])('asks for the key it was given %s, and writes it nowhere', async (_, options, env) => {
    const running = await startServer(files, { options: [...options, '--cors', 'https://page.example'], env });
    expect((await post(running.url, REQUEST)).status).toBe(401);
    const headers = { authorization: 'Bearer sk-secret', origin: 'https://page.example' };
    const response = await post(running.url, REQUEST, headers);
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe('https://page.example');
    await running.stop();
    expect(running.stderr()).not.toContain('sk-secret');
  });

  it('gives pictures the address that it is reached by, and answers to that name and to those allowed', async () => {
    const running = await startServer(files, {
      options: ['--public-url', 'https://images.example', '--allow-host', 'Host.docker.internal'],
    });
    const { data } = await (await post(running.url, REQUEST)).json();
    expect(data[0].url).toMatch(/^https:\/\/images\.example\/images\/[\w-]{22}\.png$/);
    const status = (host: string) =>
      new Promise((resolve, reject) => {
        get(data[0].url.replace('https://images.example', running.url), { headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }).on('error', reject);
      });
    const hosts = ['images.example', 'host.docker.internal', 'other.example'];
    expect(await Promise.all(hosts.map(status))).toEqual([200, 200, 403]);
    await running.stop();
  });

  it('logs each request, without what a person wrote, and without addresses of pictures', async () => {
    const key = 'sk-secret-0123456789';
    const running = await startServer(files, { options: ['--log', '--metrics', '--isolate', '--api-key', key] });
    const authorization = `Bearer ${key}`;
    const answer = await post(running.url, { ...REQUEST, prompt: 'a secret fox' }, { authorization });
    const [{ url }] = (await answer.json()).data;
    const picture = await fetch(url);
    expect(picture.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    await picture.arrayBuffer();
    await fetch(`${running.url}/a-secret?secret`);
    expect((await fetch(`${running.url}/metrics`, { headers: { authorization } })).status).toBe(200);
    await running.stop();
    const lines = running
      .stdout()
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => JSON.parse(line));
    expect(lines.map(({ route, status, key }) => [route, status, key])).toEqual([
      ['/v1/images/generations', 200, 'api-key'],
      ['/images/:file', 200, undefined],
      ['other', 404, undefined],
      ['/metrics', 200, 'api-key'],
    ]);
    expect(lines[0]).toMatchObject({ id: answer.headers.get('x-request-id'), method: 'POST' });
    const path = new URL(url).pathname.replace(/\.png$/, '');
    for (const secret of ['secret', path]) expect(running.stdout() + running.stderr()).not.toContain(secret);
  });

  it('takes keys from a file, and shows none of them in a complaint', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'flux-srpo-keys-'));
    const path = join(folder, 'keys.json');
    await writeFile(path, '[{ "name": "one", "key": "sk-one-0123456789abcdef" }]');
    const running = await startServer(files, { options: ['--keys', path] });
    expect((await post(running.url, REQUEST)).status).toBe(401);
    expect((await post(running.url, REQUEST, { authorization: 'Bearer sk-one-0123456789abcdef' })).status).toBe(200);
    await running.stop();
    for (const wrong of ['[{ "name": "one", "key": "sk-short" }]', '[sk-short']) {
      await writeFile(path, wrong);
      const refusal = startServer(files, { options: ['--keys', path] });
      await expect(refusal).rejects.toThrow(/ended with 2: error: input\/[\w-]+: (?:--keys|keys)/);
      await expect(refusal).rejects.not.toThrow(/sk-short/);
    }
    await rm(folder, { recursive: true });
  });

  it('warns when everyone may come', async () => {
    const running = await startServer(files, { options: ['--host', '0.0.0.0'] });
    expect(running.stderr()).toMatch(/^warning: anyone who reaches 0\.0\.0\.0 .*--api-key/);
    await running.stop();
  });

  it('takes only a name as --allow-host', async () => {
    await expect(startServer(files, { options: ['--allow-host', 'host:80'] })).rejects.toThrow(
      /input\/type: --allow-host must be a host name/,
    );
  });

  it('says that a port is taken in one line', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expect(startServer(files, { options: ['--port', String(port)] })).rejects.toThrow(
      /ended with 2: error: input\/conflict: cannot listen on 127\.0\.0\.1:\d+: EADDRINUSE; [^\n]*\n$/,
    );
    other.close();
  });
});
