import { type Manifest, parseManifest } from '@flux-srpo/core';
import { sha256Hex } from '@flux-srpo/formats';
import { createFluxSrpo, type FluxSrpoOptions, isFluxError } from 'flux-srpo';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { commands } from 'vitest/browser';
import { rejection, SMALLEST, writeStored } from './support/page.ts';

/** The list of everything that this origin keeps, and its removal. */

let address: string;
let manifestText: string;
let manifest: Manifest;
const options = (): FluxSrpoOptions => ({ model: address, backend: 'wasm' });
const { storage } = createFluxSrpo({ model: 'opfs:none', backend: 'wasm' });

async function clear(): Promise<void> {
  for (const { id } of await storage.list()) await storage.remove(id);
}

beforeAll(async () => {
  address = location.origin + (await commands.serveFixtureBundle('a-3x32'));
  manifestText = await (await fetch(`${address}manifest.json`)).text();
  manifest = parseManifest(manifestText);
});
beforeEach(clear);
afterEach(() => commands.restoreNetwork());

/** Bytes that the chunks of the bundle and its manifest take, each chunk once. */
function bundleBytes(): number {
  const sizes = manifest.files.flatMap(({ size, chunks }) =>
    chunks.map((hash, i) => [hash, Math.min(manifest.chunk_bytes, size - i * manifest.chunk_bytes)] as const),
  );
  const chunkBytes = [...new Map(sizes).values()].reduce((sum, bytes) => sum + bytes, 0);
  return chunkBytes + new TextEncoder().encode(manifestText).length;
}

describe('models that two tabs keep', () => {
  it('at the same time are whole in both, and cannot be removed while one of them has it loaded', async () => {
    const first = createFluxSrpo(options());
    const second = createFluxSrpo(options());
    expect(await Promise.all([first.load(), second.load()])).toMatchObject([{ isKept: true }, { isKept: true }]);
    const complete = { id: address, kind: 'kept', url: address, state: 'complete', bytes: bundleBytes() };
    expect(await storage.list()).toEqual([{ ...complete, model: manifest.model, name: manifest.name }]);

    await commands.cutNetwork(`**${new URL(address).pathname}**`);
    const request = { ...SMALLEST, model: manifest.model, output_format: 'b64_json' } as const;
    const pictures = await Promise.all([first, second].map((flux) => flux.images.generate(request)));
    expect(pictures[0]!.data[0]!.b64_json).toBe(pictures[1]!.data[0]!.b64_json);
    expect(await commands.restoreNetwork()).toEqual([]);

    await first.dispose();
    expect(isFluxError(await rejection(storage.remove(address)), 'input/conflict')).toBe(true);
    expect(await storage.list()).toMatchObject([complete]);
    await second.dispose();
    await storage.remove(address);
    expect(await storage.list()).toEqual([]);
  });
});

describe('the list of stored models', () => {
  it('has what a load left that was cut off, and the next load completes it', async () => {
    const controller = new AbortController();
    await using flux = createFluxSrpo(options());
    await rejection(flux.load({ signal: controller.signal, onProgress: () => controller.abort() }));
    await flux.unload();
    const [left, ...others] = await storage.list();
    expect([left, others]).toMatchObject([{ id: address, kind: 'kept', state: 'unfinished' }, []]);
    expect(left!.bytes).toBeGreaterThan(0);
    expect(left!.bytes).toBeLessThan(bundleBytes());
    await flux.load();
    expect(await storage.list()).toMatchObject([{ state: 'complete', bytes: bundleBytes() }]);
  });

  it('has nothing of a bundle that could not be fetched', async () => {
    await using flux = createFluxSrpo({ ...options(), model: `${address}none/` });
    await rejection(flux.load());
    expect(await storage.list()).toEqual([]);
  });

  it('has what cannot be read, with the reason, and lets it be removed', async () => {
    const models = await (await navigator.storage.getDirectory()).getDirectoryHandle('flux-srpo', { create: true });
    const folder = (name: string) => models.getDirectoryHandle(name, { create: true });
    await writeStored(await folder('bad'), 'manifest.json', '{"schema": 1, "parts"');
    await writeStored(await folder('newer'), 'manifest.json', JSON.stringify({ ...manifest, schema: 99 }));
    await (await (await folder('odd')).getDirectoryHandle('manifest.json', { create: true })).getFileHandle('x', {
      create: true,
    });
    await writeStored(await folder('without-files'), 'manifest.json', manifestText);
    await writeStored(await folder('left'), 'manifest.json', manifestText);
    await writeStored(await folder('left'), 'journal', 'a line');
    await folder('empty');
    await folder('not an id');
    await writeStored(models, 'stray.bin', '12345');
    // What an interrupted check for room leaves. It is not a model's, and nobody needs it.
    await writeStored(models, 'room check 1', '12345');
    const kept = await folder(encodeURIComponent('https://example.com/model/'));
    await writeStored(kept, `${await sha256Hex(new TextEncoder().encode('{'))}.json`, '{');

    const listed = await storage.list();
    const seen = listed.map((entry) => [
      entry.id,
      entry.state === 'unreadable' ? entry.error.code : entry.state,
      entry.bytes,
    ]);
    const length = new TextEncoder().encode(manifestText).length;
    expect(seen).toEqual([
      ['bad', 'model/manifest-invalid', 21],
      ['empty', 'unfinished', 0],
      ['https://example.com/model/', 'model/manifest-invalid', 1],
      ['left', 'unfinished', length + 6],
      ['newer', 'model/version-unsupported', JSON.stringify({ ...manifest, schema: 99 }).length],
      ['not an id', 'input/type', 0],
      ['odd', 'storage/unavailable', 0],
      ['stray.bin', 'model/manifest-invalid', 5],
      ['without-files', 'model/file-missing', length],
    ]);
    for (const { id } of listed) await storage.remove(id);
    expect(await storage.list()).toEqual([]);
    const names: string[] = [];
    for await (const name of models.keys()) names.push(name);
    expect(names).toEqual([]);
  });

  it('is not needed to remove: what is not there is removed already, and a path is refused', async () => {
    await storage.remove('none');
    await storage.remove('https://example.com/none/');
    expect(isFluxError(await rejection(storage.remove('../x')), 'input/type')).toBe(true);
  });
});
