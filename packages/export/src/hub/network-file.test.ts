import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryFile, type StandInHub, startHub } from '../../../../test/support/hub.ts';
import { hubOfEnvironment } from '../node/hub-cache.ts';
import { beside, fileUrl, hubAddress } from './hub-address.ts';
import { networkFile } from './network-file.ts';

/**
 * Against a stand-in that behaves as the hub does. Oracles: the bytes put there, and a token that
 * occurs nowhere else.
 */

const CANARY = 'hf_canaryQmFzZTY0aXNoTm9uc2Vuc2U';
const BYTES = Uint8Array.from({ length: 5000 }, (_, i) => i * 31);

let hub: StandInHub;
let home: string;
beforeEach(async () => {
  hub = await startHub();
  hub.files.set('owner/name/a folder/weights.safetensors', memoryFile(BYTES));
  hub.files.set('owner/name/config.json', memoryFile(BYTES.subarray(0, 100), false));
  home = await mkdtemp(join(tmpdir(), 'flux-srpo-hub-'));
});
afterEach(async () => {
  await hub.close();
  await rm(home, { recursive: true });
});

const WEIGHTS = 'hf:owner/name/a folder/weights.safetensors';
const options = (token?: string) => hubOfEnvironment({ HF_ENDPOINT: hub.endpoint, HF_HOME: home }, token);
const open = (at = WEIGHTS, token?: string) => networkFile(at, options(token)).open();

describe('the address of a hub', () => {
  it.each([
    ['hf:o/n/w.gguf', { repository: 'o/n', revision: 'main', path: 'w.gguf' }, '/o/n/resolve/main/w.gguf'],
    ['hf:o/n@v1/a/b c.gguf', { repository: 'o/n', revision: 'v1', path: 'a/b c.gguf' }, '/o/n/resolve/v1/a/b%20c.gguf'],
    ['hf:o/n@refs/pr/3/w', { repository: 'o/n', revision: 'refs/pr/3', path: 'w' }, '/o/n/resolve/refs%2Fpr%2F3/w'],
    [
      'https://huggingface.co/o/n/blob/main/w.gguf',
      { repository: 'o/n', revision: 'main', path: 'w.gguf' },
      '/o/n/resolve/main/w.gguf',
    ],
    [
      'https://huggingface.co/o/n/resolve/v1/a%20b?download=true',
      { repository: 'o/n', revision: 'v1', path: 'a b' },
      '/o/n/resolve/v1/a%20b',
    ],
  ])('%s', (at, address, path) => {
    expect(hubAddress(at)).toEqual(address);
    expect(fileUrl(address).href).toBe(`https://huggingface.co${path}`);
    expect(fileUrl(address, 'https://mirror.example/hf/').href).toBe(`https://mirror.example/hf${path}`);
  });

  it.each(['hf:owner', 'hf:o/n', 'hf:o/n/', 'hf:o/n/../x', 'hf:o/n@/x', 'hf:/o/n/x', 'hf:o/n/a//b'])(
    '%s is none',
    (at) => {
      expect(() => hubAddress(at)).toThrow('must be hf:owner/name/path');
    },
  );

  it.each(['https://elsewhere.example/o/n/resolve/main/w', 'https://huggingface.co/o/n', 'w.gguf'])(
    '%s is no file of it',
    (at) => {
      expect(hubAddress(at)).toBeUndefined();
    },
  );
});

it('a file beside another stays in its repository', () => {
  const index = hubAddress('hf:o/n@v1/t5/model.safetensors.index.json')!;
  expect(beside(index, 'a.safetensors')).toEqual({ ...index, path: 't5/a.safetensors' });
  expect(() => beside(index, '../../../api/x')).toThrow('must be hf:owner/name/path');
});

describe('a file of a hub', () => {
  it('comes from where the hub redirects to, and the token goes to the hub alone', async () => {
    hub.gated.set('owner/name', CANARY);
    const source = await open(WEIGHTS, CANARY);
    expect(await source.read(100, 900)).toEqual(BYTES.slice(100, 1000));
    expect(source.size).toBe(BYTES.length);
    expect(hub.seen.filter(({ host }) => host === 'hub').map(({ authorization }) => authorization)).toEqual([
      `Bearer ${CANARY}`,
    ]);
    expect(hub.seen.filter(({ host }) => host === 'files').map(({ authorization }) => authorization)).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('goes on at the hub where the signed address expires in the middle', async () => {
    hub.signedFor = 3;
    const source = await open();
    const pieces = [];
    for (let at = 0; at < BYTES.length; at += 500) pieces.push(...(await source.read(at, 500)));
    expect(Uint8Array.from(pieces)).toEqual(BYTES);
    expect(hub.seen.filter(({ status }) => status === 403)).not.toEqual([]);
  });

  it('that another host serves gets no token', async () => {
    const url = `${hub.endpoint.replace('127.0.0.1', 'localhost')}/owner/name/resolve/main/config.json`;
    await open(url, CANARY);
    expect(hub.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  it.each(['401', '403', 'sign-in page'] as const)(
    'of a gated repository (%s) says where to accept the licence',
    async (gate) => {
      hub.gate = gate;
      hub.gated.set('owner/name', CANARY);
      const page = `${hub.endpoint}/owner/name`;
      await expect(open()).rejects.toMatchObject({
        code: 'network/status',
        message: expect.stringContaining(`accept the licence at ${page}, then give a token`),
      });
      await expect(open(WEIGHTS, 'another')).rejects.toThrow(
        `accept the licence at ${page}, with the account whose token you gave`,
      );
    },
  );

  it('that is not there, or whose repository is not, says so', async () => {
    await expect(open('hf:owner/name/none.gguf')).rejects.toMatchObject({ details: { status: 404 } });
    await expect(open('hf:owner/nobody/none.gguf')).rejects.toThrow(
      'has no repository owner/nobody, or keeps it from you',
    );
  });

  it('waits as long as a hub that limits its callers asks', async () => {
    hub.limited = 1;
    expect((await open()).size).toBe(BYTES.length);
    expect(hub.seen.map(({ status }) => status)).toEqual([429, 302, 206]);
  });

  it('is compared with its SHA-256 where it is read from end to end', async () => {
    const file = memoryFile(BYTES);
    hub.files.set('owner/name/broken', { ...file, read: (start, end) => BYTES.slice(start, end).fill(0, 0, 1) });
    const source = await open('hf:owner/name/broken');
    await source.read(10, 100);
    await source.read(0, 4000);
    await expect(source.read(4000, 1000)).rejects.toMatchObject({ code: 'model/hash-mismatch' });
    const right = await open();
    await right.read(0, 4000);
    expect(await right.read(4000, 1000)).toEqual(BYTES.slice(4000));
  });

  it('is compared in a browser too, which hides the redirect: the hub’s API tells the SHA-256', async () => {
    hub.gated.set('owner/name', CANARY);
    const inBrowser = () => networkFile(WEIGHTS, { endpoint: hub.endpoint, token: CANARY }).open();
    const right = await inBrowser();
    expect(right.version).toBe(memoryFile(BYTES).sha256);
    expect(await right.read(0, 5000)).toEqual(BYTES);
    const file = memoryFile(BYTES);
    hub.files.set('owner/name/a folder/weights.safetensors', {
      ...file,
      read: (start, end) => BYTES.slice(start, end).fill(0, 0, 1),
    });
    const broken = await inBrowser();
    await broken.read(0, 4000);
    await expect(broken.read(4000, 1000)).rejects.toMatchObject({ code: 'model/hash-mismatch' });
    const ofHub = hub.seen.filter(({ host }) => host === 'hub').map(({ authorization }) => authorization);
    expect(new Set(ofHub)).toEqual(new Set([`Bearer ${CANARY}`]));
    const ofFiles = hub.seen.filter(({ host }) => host === 'files').map(({ authorization }) => authorization);
    expect(new Set(ofFiles)).toEqual(new Set([undefined]));
  });

  it('is taken from the cache of Hugging Face’s tools where it is there', async () => {
    const folder = join(home, 'hub/models--owner--name');
    const commit = 'b'.repeat(40);
    const { sha256 } = memoryFile(BYTES);
    for (const path of ['refs', 'blobs', `snapshots/${commit}/a folder`])
      await mkdir(join(folder, path), { recursive: true });
    await writeFile(join(folder, 'refs/main'), commit);
    await writeFile(join(folder, 'blobs', sha256!), BYTES);
    await symlink(`../../../blobs/${sha256}`, join(folder, `snapshots/${commit}/a folder/weights.safetensors`));
    const cached = await open();
    expect(await cached.read(0, 5000)).toEqual(BYTES);
    await cached.close?.();
    expect(hub.seen).toEqual([]);
    const other = await open('hf:owner/name@v2/a folder/weights.safetensors').catch((error: unknown) => error);
    expect([other, hub.seen.length]).toMatchObject([{ details: { status: 404 } }, 1]);
    // The same state of the file, wherever it comes from: an interrupted conversion goes on.
    await rm(join(folder, 'refs/main'));
    expect((await open()).version).toBe(cached.version);
  });
});
