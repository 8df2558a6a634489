import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchWasm } from './wasm-file.ts';

/** The smallest module: WebAssembly's magic number and version. */
const MODULE = Buffer.from('\0asm\x01\0\0\0', 'latin1');
const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

const FILES: Readonly<Record<string, Buffer>> = { '/a.wasm': MODULE, '/page.wasm': Buffer.from('<!doctype html>') };

let server: Server;
let base: string;
beforeAll(async () => {
  server = createServer(({ url = '' }, response) => {
    const file = FILES[url];
    response.writeHead(file === undefined ? 404 : 200, { 'content-type': 'application/wasm' }).end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

describe('fetchWasm', () => {
  it('gives the file that has the hash', async () => {
    expect(Buffer.from(await fetchWasm(`${base}/a.wasm`, hash(MODULE)))).toEqual(MODULE);
  });

  it('refuses WebAssembly with another hash, and says both', async () => {
    const other = hash(Buffer.from('another build'));
    await expect(fetchWasm(`${base}/a.wasm`, other)).rejects.toMatchObject({
      code: 'network/response-invalid',
      message: expect.stringMatching(/a\.wasm must have the SHA-256 \w+, got \w+; .*wasmSha256/),
      details: { expected: other, got: hash(MODULE), option: 'wasmUrl' },
    });
  });

  it.each([
    ['/none.wasm', 'network/status', /got status 404/],
    ['/page.wasm', 'network/response-invalid', /must be WebAssembly/],
  ])('says what %s is, before its hash', async (path, code, message) => {
    const refusal = expect.objectContaining({ code, message: expect.stringMatching(message) });
    await expect(fetchWasm(base + path, hash(MODULE))).rejects.toEqual(refusal);
  });

  it('says that no server answers', async () => {
    await expect(fetchWasm('http://127.0.0.1:1/a.wasm', hash(MODULE))).rejects.toMatchObject({
      code: 'network/unreachable',
    });
  });
});
