import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImportInput } from './import-messages.ts';
import { openSources } from './open-sources.ts';

const BYTES = new TextEncoder().encode('the bytes of a shard');

let server: Server;
let base: string;
const asked: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.authorization}`);
    response.writeHead(206, { 'content-range': `bytes 0-${BYTES.length - 1}/${BYTES.length}` }).end(BYTES);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const file = (name: string) => new File(['x'], name);
const input = (t5: File | string): ImportInput => ({
  files: { transformer: file('a.gguf'), text_encoder: file('b.gguf'), text_encoder_2: t5, vae: file('c.gguf') },
  tokenizers: {},
  dtype: 'q8',
  hub: { endpoint: base, token: 'secret' },
  backends: ['wasm'],
});

describe('the sources of an import', () => {
  it('find the shards of an index beside its URL, and ask the hub for them with the same token', async () => {
    const source = await openSources(
      input(`${base}/repo/t5/resolve/main/a/model.safetensors.index.json?download=true`),
    );
    asked.length = 0;
    const shard = await source.open('text_encoder_2/model-00001-of-00002.safetensors');
    expect(await shard.read(0, BYTES.length)).toEqual(BYTES);
    expect(shard.name).toBe('text_encoder_2/model-00001-of-00002.safetensors');
    const files = asked.filter((request) => !request.startsWith('/api/'));
    expect(new Set(files)).toEqual(new Set(['/repo/t5/resolve/main/a/model-00001-of-00002.safetensors Bearer secret']));
  });

  it('find none beside a file that the user picked: a File does not know its folder', async () => {
    const source = await openSources(input(file('model.safetensors.index.json')));
    await expect(source.open('text_encoder_2/model-00001-of-00002.safetensors')).rejects.toMatchObject({
      code: 'model/file-missing',
    });
  });
});
