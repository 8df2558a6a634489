import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { NetworkError, StorageError } from '@flux-srpo/core';
import { httpSource, sha256Hex } from '@flux-srpo/formats';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { writeFiles } from '../../../../test/support/write-files.ts';
import { FLUX_SRPO_INFO } from '../bundle/bundle-info.ts';
import type { ResumableSink } from '../bundle/bundle-sink.ts';
import { convertPipeline } from '../convert/convert.ts';
import type { ConvertNotice, ConvertOptions } from '../convert/convert-options.ts';
import type { ConvertProgress } from '../convert/convert-progress.ts';
import { bundleFolder } from '../node/bundle-folder.ts';
import { pipelineFolder } from '../node/pipeline-folder.ts';
import type { SourceFolder } from '../sources/source-folder.ts';
import { type Files, memorySource } from '../test-support/memory.ts';
import { tinyPipeline } from '../test-support/tiny-pipeline.ts';

// A conversion takes half a second on an idle machine; this one may not be.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** The oracle everywhere: the bundle of a conversion that nobody disturbed, byte for byte. */
let expected: Map<string, string>;
let total: number;
let files: Files;
let source: string;
let folder: string;
let out: string;

/** Converts to `out`; what was said, and how far each step was. */
async function convert(
  from: SourceFolder = pipelineFolder(source),
  { sink, ...options }: Partial<ConvertOptions> & { sink?: ResumableSink } = {},
): Promise<{ notices: ConvertNotice[]; progress: ConvertProgress[]; error: unknown }> {
  const notices: ConvertNotice[] = [];
  const progress: ConvertProgress[] = [];
  let error: unknown;
  await convertPipeline(from, sink ?? (await bundleFolder(out)), {
    info: FLUX_SRPO_INFO,
    dtype: 'q8',
    ...options,
    onNotice: (notice) => notices.push(notice),
    onProgress: (step) => {
      progress.push(step);
      options.onProgress?.(step);
    },
  }).catch((cause: unknown) => {
    error = cause;
  });
  return { notices, progress, error };
}

/** Stops after so many parts. */
async function interrupt(parts: number): Promise<void> {
  const controller = new AbortController();
  const onProgress = ({ parts: { done } }: ConvertProgress) => done === parts && controller.abort();
  const { notices, error } = await convert(undefined, { signal: controller.signal, onProgress });
  expect(error).toMatchObject({ name: 'AbortError' });
  expect(notices.at(-1)).toEqual({ type: 'suspended' });
}

/** Path → SHA-256 of every file. */
async function filesOf(root: string): Promise<Map<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(
      paths.sort().map(async (path) => [path.slice(root.length + 1), await sha256Hex(await readFile(path))] as const),
    ),
  );
}

let root: string;
beforeAll(async () => {
  // In memory where there is such a folder: here files are waited for by the hundred until the disk
  // has them.
  root = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'resume-'));
  source = join(root, 'source');
  files = await tinyPipeline();
  await writeFiles(source, files);
  out = join(root, 'undisturbed');
  const { progress } = await convert();
  total = progress.at(-1)!.parts.total;
  expected = await filesOf(out);
});
afterAll(() => rm(root, { recursive: true }));

beforeEach(async () => {
  folder = await mkdtemp(join(root, 'test-'));
  out = join(folder, 'out');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('an interrupted conversion', () => {
  it.each([1, 7, 20])('of %d parts is gone on with: the same bytes, and nothing made twice', async (parts) => {
    await interrupt(parts);
    const { notices, progress } = await convert();
    expect(notices).toEqual([{ type: 'continued' }]);
    const withFiles = [...expected.keys()].filter((path) => path.startsWith('weights/')).length;
    expect(progress.at(-1)!.parts).toEqual({ done: total, total, found: expect.any(Number) });
    // A part without weights is made again, which takes no time.
    const { found } = progress.at(-1)!.parts;
    expect(found).toBeGreaterThanOrEqual(parts - (total - withFiles));
    expect(found).toBeLessThanOrEqual(parts);
    expect(await filesOf(out)).toEqual(expected);
    expect(await readdir(folder)).toEqual(['out']);
  });

  it('is gone on with as often as it is interrupted', async () => {
    for (const parts of [3, 9, 15]) await interrupt(parts);
    expect((await convert()).progress.at(-1)!.parts.found).toBeGreaterThanOrEqual(13);
    expect(await filesOf(out)).toEqual(expected);
  });

  it('is gone on with where weights go into the graphs, too', async () => {
    const controller = new AbortController();
    const onProgress = ({ parts }: ConvertProgress) => parts.done === 9 && controller.abort();
    await convert(undefined, { bake: true, signal: controller.signal, onProgress });
    const { progress } = await convert(undefined, { bake: true });
    expect(progress.at(-1)!.parts.found).toBeGreaterThan(5);
    const resumed = await filesOf(out);
    out = join(folder, 'again');
    await convert(undefined, { bake: true });
    expect(resumed).toEqual(await filesOf(out));
  });

  const partial = (path: string) => join(`${out}.partial`, path);
  const weights = async () =>
    (await readdir(partial('bundle/weights'))).map((name) => partial(`bundle/weights/${name}`));
  it.each<[string, () => Promise<void>]>([
    [
      'a finished file has a changed byte',
      async () => {
        const [path] = await weights();
        const bytes = await readFile(path!);
        bytes[bytes.length - 1]! ^= 1;
        await writeFile(path!, bytes);
      },
    ],
    ['a finished file was cut', async () => writeFile((await weights())[2]!, 'x')],
    ['a finished file is gone', async () => rm((await weights())[1]!)],
    ['a file is there that no bundle has', async () => writeFile(partial('bundle/weights/stray.safetensors'), 'x')],
    [
      'the journal’s last line was cut',
      async () => {
        const text = await readFile(partial('journal'), 'utf8');
        await writeFile(partial('journal'), text.slice(0, -100));
      },
    ],
    [
      'a line of the journal lies',
      async () => {
        const text = await readFile(partial('journal'), 'utf8');
        await writeFile(partial('journal'), text.replaceAll('"size":', '"size":1'));
      },
    ],
    ['the journal is something else', async () => writeFile(partial('journal'), 'Dear diary')],
    ['the journal is gone', async () => rm(partial('journal'))],
    ['the process was killed', async () => writeFile(partial('lock'), JSON.stringify(deadOwner()))],
    ['the process was killed while it took its lock', async () => writeFile(partial('lock'), '')],
  ])('gives the same bytes where %s', async (_, damage) => {
    await interrupt(8);
    await damage();
    expect((await convert()).error).toBeUndefined();
    expect(await filesOf(out)).toEqual(expected);
    expect(await readdir(folder)).toEqual(['out']);
  });

  it('starts over, and says so, where the options are others', async () => {
    await interrupt(8);
    const { notices, progress } = await convert(undefined, { dtype: 'q4' });
    expect(notices).toEqual([{ type: 'started-over', reason: expect.stringContaining('options') }]);
    expect(progress.at(-1)!.parts.found).toBe(0);
    const got = await filesOf(out);
    out = join(folder, 'again');
    await convert(undefined, { dtype: 'q4' });
    expect(got).toEqual(await filesOf(out));
  });

  it('starts over where the source has changed, though sizes, headers and dates are the same', async () => {
    const changing = join(folder, 'changing');
    await writeFiles(changing, files);
    const controller = new AbortController();
    const onProgress = ({ parts }: ConvertProgress) => parts.done === 30 && controller.abort();
    await convert(pipelineFolder(changing), { signal: controller.signal, onProgress });
    const path = 'vae/diffusion_pytorch_model.safetensors';
    const changed = files.get(path)!.slice();
    // The first byte of some float32's mantissa.
    changed[changed.length - 4]! ^= 1;
    await writeFile(join(changing, path), changed);
    const { notices, progress } = await convert(pipelineFolder(changing));
    expect(notices).toEqual([{ type: 'started-over', reason: expect.stringContaining('source') }]);
    expect(progress.at(-1)!.parts.found).toBe(0);
    const got = await filesOf(out);
    out = join(folder, 'again');
    await convert(memorySource(new Map(files).set(path, changed)));
    expect(got).toEqual(await filesOf(out));
  });

  it('starts over where the source cannot say whether it changed', async () => {
    const controller = new AbortController();
    const onProgress = ({ parts }: ConvertProgress) => parts.done === 8 && controller.abort();
    await convert(memorySource(files), { signal: controller.signal, onProgress });
    expect((await convert(memorySource(files))).notices).toEqual([
      { type: 'started-over', reason: expect.any(String) },
    ]);
    expect(await filesOf(out)).toEqual(expected);
  });
});

describe('what an interrupted conversion left', () => {
  const offline: SourceFolder = {
    list: async () => [...files.keys()],
    open: async (path) => {
      throw new NetworkError(`${path}: the server could not be reached`, { code: 'network/unreachable' });
    },
  };
  const broken = (): SourceFolder => memorySource(new Map(files).set('vae/config.json', Uint8Array.of(1)));

  it.each<[string, () => SourceFolder, AbortSignal | undefined, string]>([
    ['the server is out of reach', () => offline, undefined, 'NetworkError'],
    ['the source is broken', broken, undefined, 'FormatError'],
    ['it is cancelled at once', () => pipelineFolder(source), AbortSignal.abort(), 'AbortError'],
  ])('outlives another try in which %s', async (_, from, signal, name) => {
    await interrupt(20);
    const { error } = await convert(from(), signal && { signal });
    expect(error).toMatchObject({ name });
    const { notices, progress } = await convert();
    expect(notices).toEqual([{ type: 'continued' }]);
    expect(progress.at(-1)!.parts.found).toBeGreaterThan(10);
    expect(await filesOf(out)).toEqual(expected);
  });
});

describe('a conversion that cannot go on', () => {
  it('keeps its work where the disk is full', async () => {
    const full = await bundleFolder(out);
    let room = 60_000;
    const sink: ResumableSink = {
      ...full,
      async create(path) {
        const file = await full.create(path);
        return {
          ...file,
          async write(bytes) {
            if (path.startsWith('weights/')) room -= bytes.length;
            if (room < 0) throw new StorageError(`${path}: the disk is full`, { code: 'storage/quota-exceeded' });
            await file.write(bytes);
          },
        };
      },
    };
    const { error, notices } = await convert(undefined, { sink });
    expect(error).toMatchObject({ code: 'storage/quota-exceeded' });
    expect(notices).toEqual([{ type: 'suspended' }]);
    expect((await convert()).progress.at(-1)!.parts.found).toBeGreaterThan(0);
    expect(await filesOf(out)).toEqual(expected);
  });

  it('keeps its work where the server is gone, and asks it for what is missing only', async () => {
    let asked = 0;
    let budget = 100;
    const server = createServer((request, response) => {
      const bytes = files.get(decodeURIComponent(request.url!.slice(1)))!;
      if (--budget < 0) return void request.socket.destroy();
      const [from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range!)!.slice(1).map(Number) as [number, number];
      const body = bytes.subarray(from, to + 1);
      asked += body.length;
      const range = `bytes ${from}-${to}/${bytes.length}`;
      response.writeHead(206, { 'content-range': range, 'content-length': body.length, etag: '"one"' }).end(body);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const remote: SourceFolder = {
      list: async () => [...files.keys()],
      open: async (path) => ({ ...(await httpSource(base + path)), name: path }),
    };
    try {
      const first = await convert(remote);
      expect(first.error).toMatchObject({ code: 'network/unreachable' });
      expect(first.notices).toEqual([{ type: 'suspended' }]);
      budget = Number.POSITIVE_INFINITY;
      const before = asked;
      const second = await convert(remote);
      expect(second.notices).toEqual([{ type: 'continued' }]);
      expect(second.progress.at(-1)!.parts.found).toBeGreaterThan(0);
      expect(await filesOf(out)).toEqual(expected);
      const resumed = asked - before;
      await convert(remote);
      expect(asked - before - resumed).toBeGreaterThan(resumed);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it('keeps nothing where the source is damaged', async () => {
    const path = 'vae/diffusion_pytorch_model.safetensors';
    const damaged = files.get(path)!.slice();
    // Ones all over are not a number.
    damaged.fill(0xff, damaged.length / 2);
    const { error } = await convert(memorySource(new Map(files).set(path, damaged)));
    expect(error).toMatchObject({ code: 'format/value-invalid' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses a source that changes under its hands, and keeps nothing', async () => {
    const changing = join(folder, 'changing');
    await writeFiles(changing, files);
    const path = join(changing, 'vae/diffusion_pytorch_model.safetensors');
    let write: Promise<void> | undefined;
    const { error } = await convert(pipelineFolder(changing), {
      onProgress: () => {
        write ??= writeFile(path, files.get('vae/diffusion_pytorch_model.safetensors')!);
      },
    });
    await write;
    expect(error).toMatchObject({
      code: 'input/conflict',
      details: { source: expect.stringContaining('diffusion_pytorch_model') },
    });
    expect(await readdir(folder)).toEqual(['changing']);
  });
});

describe('the folder of a conversion', () => {
  it('has one writer at a time', async () => {
    const first = await bundleFolder(out);
    await expect(bundleFolder(out)).rejects.toMatchObject({ code: 'input/conflict', message: /process \d+/ });
    await first.suspend();
    await (await bundleFolder(out)).abort();
    await mkdir(`${out}.partial`);
    // A parent process lives as long as this one.
    await writeFile(join(`${out}.partial`, 'lock'), JSON.stringify({ pid: process.ppid, host: hostname() }));
    await expect(bundleFolder(out)).rejects.toMatchObject({ code: 'input/conflict' });
  });

  it('gives the old bundle its name back where a commit was cut between its two renames', async () => {
    await convert(undefined, { dtype: 'q4' });
    const old = await filesOf(out);
    await interrupt(total);
    await rename(out, join(`${out}.partial`, 'replaced'));
    await (await bundleFolder(out)).suspend();
    expect(await filesOf(out)).toEqual(old);
    await convert();
    expect(await filesOf(out)).toEqual(expected);
    expect(await readdir(folder)).toEqual(['out']);
  });
});

describe('progress', () => {
  it('counts bytes of the source to its end, and says how long it will take', async () => {
    const { progress } = await convert();
    const last = progress.at(-1)!;
    // All float32, and nothing of the source unused but T5's second name of its table, which is
    // small.
    const weightBytes = [...files]
      .filter(([path]) => path.endsWith('.safetensors'))
      .reduce((sum, [, bytes]) => sum + bytes.length, 0);
    expect(last.bytes.done).toBe(last.bytes.total);
    expect(last.bytes.total).toBe(4 * last.weights.total);
    expect(last.bytes.total / weightBytes).toBeGreaterThan(0.8);
    expect(last.secondsLeft).toBe(0);
    expect(progress.every(({ rate }) => rate > 0)).toBe(true);
  });

  it('moves on within a part, which of FLUX.1 is over a gigabyte', async () => {
    const { progress } = await convert();
    const within = progress.filter(({ part }) => part === 'double_block.0');
    // Two streams of q, k, v, proj, two norms of heads, and two layers of the MLP, of which the
    // last ends the part.
    expect(within.length).toBeGreaterThan(20);
    expect(new Set(within.map(({ parts }) => parts.done)).size).toBe(2);
    for (const [i, { bytes, weights }] of progress.entries()) {
      const { bytes: before, weights: weightsBefore } = progress[i - 1] ?? { bytes: { done: 0 }, weights: { done: 0 } };
      expect(bytes.done).toBeGreaterThanOrEqual(before.done);
      expect(weights.done).toBeGreaterThanOrEqual(weightsBefore.done);
      expect(bytes.done).toBeLessThanOrEqual(bytes.total);
    }
  });
});

/** The id of a process that has ended. */
function deadOwner(): { pid: number; host: string } {
  return { pid: spawnSync(process.execPath, ['-e', '']).pid, host: hostname() };
}
