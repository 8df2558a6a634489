import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
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
      const answer = post(running.url, { ...REQUEST, num_inference_steps: 300 });
      const health = async () => (await fetch(`${running.url}/health`)).json();
      await expect.poll(async () => (await health()).queue.running, { interval: 5, timeout: 10_000 }).toBe(1);
      const code = running.stop(signal);
      expect((await (await answer).json()).data).toHaveLength(1);
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
