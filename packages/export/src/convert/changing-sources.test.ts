import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesSource, httpSource, openRetrying } from '@flux-srpo/formats';
import { fileSource } from '@flux-srpo/formats/node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { writeFiles } from '../../../../test/support/write-files.ts';
import type { LoraSource } from '../lora/open-loras.ts';
import { bundleFolder } from '../node/bundle-folder.ts';
import { pipelineFolder } from '../node/pipeline-folder.ts';
import type { SourceFolder } from '../sources/source-folder.ts';
import { rawSafetensors } from '../test-support/checkpoint-files.ts';
import { KOHYA_ENDS, loraLayer, loraTensors } from '../test-support/lora-files.ts';
import { type Files, memoryBundle, memorySource } from '../test-support/memory.ts';
import { tinyPipeline } from '../test-support/tiny-pipeline.ts';
import { convertPipeline } from './convert.ts';

// A conversion takes half a second on an idle machine; this one may not be.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/**
 * Bytes of two files would make a bundle that is of neither: every change must end the conversion,
 * and leave no bundle.
 */

const TRANSFORMER = 'transformer/diffusion_pytorch_model.safetensors';
let files: Files;
/** Of the bundle. */
let parts: number;
let root: string;
let folder: string;
beforeAll(async () => {
  // In memory where there is such a folder: here files are waited for by the hundred until the disk
  // has them.
  root = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'changing-'));
  files = await tinyPipeline();
  parts = (await convertPipeline(memorySource(files), memoryBundle(), { dtype: 'q8' })).manifest.parts.length;
});
afterAll(() => rm(root, { recursive: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'test-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/**
 * Converts; `change` runs between two parts, once `after` of them are done. What went wrong, and
 * what is left.
 */
async function convertAcross(
  source: SourceFolder,
  change: () => void | Promise<void>,
  { loras = [], after = 5 }: { loras?: readonly LoraSource[]; after?: number } = {},
): Promise<{ error: unknown; left: string[] }> {
  const out = join(folder, 'out');
  let changing: Promise<void> | undefined;
  const sink = await bundleFolder(out);
  const error: unknown = await convertPipeline(
    source,
    {
      ...sink,
      async create(path) {
        await changing;
        return await sink.create(path);
      },
    },
    {
      dtype: 'q8',
      loras,
      onProgress: ({ parts }) => {
        if (parts.done === after) changing ??= Promise.resolve(change());
      },
    },
  ).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, left: (await readdir(folder)).filter((name) => name.startsWith('out')) };
}

/** Another file of the same length and structure. */
function otherNumbers(bytes: Uint8Array): Uint8Array {
  const other = bytes.slice();
  // The first byte of some float32's mantissa.
  other[other.length - 4]! ^= 1;
  return other;
}

describe('a pipeline at URLs', () => {
  let server: Server;
  let base: string;
  let headers: Record<string, string>;
  let served: Files;
  /** Requests for the transformer. */
  let asked: number;
  beforeEach(async () => {
    served = new Map(files);
    headers = {};
    asked = 0;
    server = createServer((request, response) => {
      const path = decodeURIComponent(request.url!.split('?')[0]!.slice(1));
      if (path === TRANSFORMER) asked++;
      const bytes = served.get(path)!;
      const [from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range!)!.slice(1).map(Number) as [number, number];
      const own = path === TRANSFORMER ? headers : {};
      const body = bytes.subarray(from, to + 1);
      response.writeHead(206, { ...own, 'content-range': `bytes ${from}-${from + body.length - 1}/${bytes.length}` });
      response.end(body);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const remote = (): SourceFolder => ({
    list: async () => [...files.keys()],
    open: async (path) => ({
      ...(await openRetrying(() => httpSource(`${base + path}?signature=secret`))),
      name: path,
    }),
  });

  it.each<[string, Record<string, string>, Record<string, string>]>([
    ['entity tag', { etag: '"one"' }, { etag: '"two"' }],
    [
      'Last-Modified',
      { 'last-modified': 'Mon, 02 Nov 2026 10:00:00 GMT' },
      { 'last-modified': 'Mon, 02 Nov 2026 10:00:01 GMT' },
    ],
  ])('are given up where the %s of one changes between ranges, by its URL and at once', async (_, before, after) => {
    headers = before;
    let atChange = 0;
    const { error, left } = await convertAcross(remote(), () => {
      headers = after;
      served.set(TRANSFORMER, otherNumbers(files.get(TRANSFORMER)!));
      atChange = asked;
    });
    expect(error).toMatchObject({ code: 'input/conflict', details: { source: base + TRANSFORMER } });
    expect((error as Error).message).toContain(`${base + TRANSFORMER} must not change while it is read`);
    expect(left).toEqual([]);
    expect(asked - atChange).toBe(1);
  });

  it('are given up where one gets longer', async () => {
    const { error, left } = await convertAcross(remote(), () => {
      served.set(TRANSFORMER, Buffer.concat([files.get(TRANSFORMER)!, Buffer.alloc(1)]));
    });
    expect(error).toMatchObject({ code: 'input/conflict', details: { source: base + TRANSFORMER } });
    expect(left).toEqual([]);
  });

  it('are given up at the end where one changes after its last range', async () => {
    headers = { etag: '"one"' };
    const { error, left } = await convertAcross(
      remote(),
      () => {
        headers = { etag: '"two"' };
      },
      { after: parts },
    );
    expect(error).toMatchObject({ code: 'input/conflict', details: { source: base + TRANSFORMER } });
    expect(left).toEqual([]);
  });
});

it('a folder on the disk is given up as soon as a changed file is read, not at the end', async () => {
  const source = join(folder, 'source');
  await writeFiles(source, files);
  let done = 0;
  const { error, left } = await convertAcross(pipelineFolder(source), async () => {
    done = performance.now();
    await writeFile(join(source, TRANSFORMER), otherNumbers(files.get(TRANSFORMER)!));
  });
  expect(done).toBeGreaterThan(0);
  expect(error).toMatchObject({
    code: 'input/conflict',
    message: expect.stringContaining('.safetensors must not change'),
  });
  expect(left).toEqual([]);
});

describe('a LoRA', () => {
  const layers = { lora_unet_single_blocks_0_linear2: loraLayer(64, 320, 2, 4, 1) };

  it.each(['on the disk', 'somewhere that keeps no times'])(
    '%s that changes is given up by its name',
    async (where) => {
      const bytes = await rawSafetensors(loraTensors(layers, KOHYA_ENDS));
      const path = join(folder, 'style.safetensors');
      await writeFile(path, bytes);
      let now = bytes;
      const open = where === 'on the disk' ? () => fileSource(path) : async () => bytesSource(now, 'style.safetensors');
      const { error, left } = await convertAcross(
        memorySource(files),
        async () => {
          now = otherNumbers(bytes);
          await writeFile(path, now);
        },
        { loras: [{ file: { name: 'style.safetensors', open }, strength: 1 }] },
      );
      expect(error).toMatchObject({ code: 'input/conflict', details: { source: 'style.safetensors' } });
      expect(left).toEqual([]);
    },
  );
});
