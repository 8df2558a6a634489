import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bytesSource, readSafetensors } from '@flux-srpo/formats';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { tensorFileText } from '../report.ts';
import { runInspect } from './inspect.ts';

/**
 * Made by the gguf package, with the numbers it makes of each tensor
 * (test/reference/gguf_vectors.py).
 */
const FIXTURES = fileURLToPath(new URL('../../../../test/fixtures/formats/', import.meta.url));
const GGUF = join(FIXTURES, 'ggml.gguf');

let work: string;
let server: Server;
let url: string;
let bytesServed = 0;
const tokensElsewhere: (string | undefined)[] = [];

/** A hub: the file in ranges, for those who have the token. */
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'flux-srpo-inspect-'));
  const file = await readFile(GGUF);
  server = createServer((request, response) => {
    if (request.url?.startsWith('/elsewhere')) {
      tokensElsewhere.push(request.headers.authorization);
      return response.writeHead(404).end();
    }
    if (request.headers.authorization !== 'Bearer secret') return response.writeHead(401).end();
    // The same machine by another name is another origin.
    if (request.url?.endsWith('/moved')) {
      const { port } = server.address() as AddressInfo;
      return response.writeHead(302, { location: `http://localhost:${port}/elsewhere` }).end();
    }
    const [, start, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')!.map(Number) as number[];
    const piece = file.subarray(start, last! + 1);
    bytesServed += piece.length;
    return response.writeHead(206, { 'content-range': `bytes ${start}-${last}/${file.length}` }).end(piece);
  }).listen(0);
  await new Promise((resolve) => server.once('listening', resolve));
  const hub = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubEnv('HF_ENDPOINT', hub);
  url = `${hub}/owner/name/resolve/main/model.gguf?download=true`;
});
afterAll(async () => {
  vi.unstubAllEnvs();
  server.close();
  await rm(work, { recursive: true });
});
afterEach(() => vi.restoreAllMocks());

/** What the command prints. */
async function inspect(...args: string[]): Promise<string> {
  let printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += text;
    return true;
  });
  await runInspect(args, new AbortController().signal);
  return printed;
}

/** Text of a .npy file's header, and its data. */
async function readNpy(path: string): Promise<{ header: string; data: Buffer }> {
  const bytes = await readFile(path);
  const end = 10 + bytes.readUInt16LE(8);
  return { header: bytes.toString('latin1', 10, end).trimEnd(), data: bytes.subarray(end) };
}

async function expectedBytes(name: string): Promise<Uint8Array> {
  const file = await readSafetensors(bytesSource(await readFile(join(FIXTURES, 'ggml.safetensors')), 'expected'));
  return await file.read(name);
}

describe('inspect', () => {
  it('lists a GGUF file', async () => {
    const report = JSON.parse(await inspect(GGUF, '--json'));
    expect(report).toMatchObject({
      format: 'gguf',
      metadata: { 'general.architecture': 'flux', 'test.words': '3 × string' },
    });
    expect(report.tensors).toContainEqual({ name: 'Q4_K', dtype: 'Q4_K', shape: [3, 256], bytes: 432 });
    expect(report.dtypes.Q6_K).toEqual({ tensors: 1, elements: 768, bytes: 630 });
    expect(await inspect(GGUF)).toMatch(/gguf, 17 tensors[\s\S]*Q6_K\s+Q6_K\s+\[3, 256\]/);
  });

  it('says first what a file is that convert does not take', async () => {
    const json = JSON.stringify({
      'distilled_guidance_layer.in_proj.bias': { dtype: 'U8', shape: [1], data_offsets: [0, 1] },
    });
    const file = Buffer.concat([Buffer.alloc(8), Buffer.from(json), Buffer.alloc(1)]);
    file.writeUInt32LE(json.length);
    const path = join(work, 'chroma.safetensors');
    await writeFile(path, file);
    const [first, second] = (await inspect(path)).split('\n');
    expect(first).toMatch(/^convert takes no such file as a model: chroma\.safetensors is made for Chroma.*; use /);
    expect(second).toMatch(/^chroma\.safetensors: safetensors, 1 tensor, /);
  });

  it('says which parts of a file are missing beside it', () => {
    const report = { name: 'a.gguf', format: 'gguf', bytes: 9, metadata: {}, tensors: [], dtypes: {} } as const;
    const text = (missing: string[]) =>
      tensorFileText({ ...report, tensors: [], split: { part: 1, parts: 3, missing } });
    expect(text(['a-2.gguf', 'a-3.gguf'])).toMatch(/^part 1 of 3; missing beside it: a-2\.gguf, a-3\.gguf\. Download/);
    expect(text([])).toMatch(/^part 1 of 3; the others are beside it\n/);
  });

  it.each(['Q5_K', 'BF16', 'odd'])('writes tensor %s as the numbers the gguf package makes of it', async (name) => {
    const out = join(work, `${name}.npy`);
    expect(await inspect(GGUF, '--tensor', name, '--out', out)).toContain('as float32');
    const { header, data } = await readNpy(out);
    const shape = name === 'odd' ? '(3,)' : '(3, 256)';
    expect(header).toBe(`{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`);
    expect(Buffer.compare(data, await expectedBytes(name))).toBe(0);
  });

  it('reads a tensor from a URL with a token, and little more than that tensor', async () => {
    bytesServed = 0;
    const out = join(work, 'remote.npy');
    await inspect(url, '--tensor', 'Q8_0', '--out', out, '--token', 'secret');
    expect(Buffer.compare((await readNpy(out)).data, await expectedBytes('Q8_0'))).toBe(0);
    const { length: size } = await readFile(GGUF);
    // Its first byte for the size, its first 512 bytes for what it is, its header (read in one
    // piece of at most 128 KB, so all of this small file), the tensor.
    expect(bytesServed).toBe(1 + 512 + size + 3 * 8 * 34);
  });

  it('says so when the token is missing, and writes nothing', async () => {
    const out = join(work, 'denied.npy');
    await expect(inspect(url, '--tensor', 'Q8_0', '--out', out)).rejects.toMatchObject({
      code: 'network/status',
      details: { status: 401 },
    });
    expect(await readdir(work)).not.toContain('denied.npy');
  });

  it('does not carry the token along to where a redirect leads', async () => {
    const moved = url.replace('/model.gguf?download=true', '/moved');
    await expect(inspect(moved, '--token', 'secret')).rejects.toMatchObject({ details: { status: 404 } });
    expect(tokensElsewhere).toEqual([undefined]);
  });

  it('refuses weights over plain http from elsewhere', async () => {
    await expect(inspect('http://example.org/model.gguf')).rejects.toThrow('https');
  });

  it('refuses a tensor that is not there, and leaves no file', async () => {
    const out = join(work, 'none.npy');
    await expect(inspect(GGUF, '--tensor', 'nope', '--out', out)).rejects.toMatchObject({
      code: 'format/tensor-missing',
    });
    expect((await readdir(work)).filter((name) => name.startsWith('none'))).toEqual([]);
  });

  it('needs --tensor and --out together, and a file', async () => {
    await expect(inspect(GGUF, '--tensor', 'Q4_0')).rejects.toThrow('expected both');
    await expect(inspect(GGUF, '--out', 'x.npy')).rejects.toThrow('expected both');
    await expect(inspect(FIXTURES, '--tensor', 'a', '--out', 'x.npy')).rejects.toThrow('needs a file');
  });
});
