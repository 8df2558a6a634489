import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { writeFiles } from '../../../../test/support/write-files.ts';
import { convertPipeline } from '../convert/convert.ts';
import { inspectBundle } from '../inspect/inspect-bundle.ts';
import { memorySource } from '../test-support/memory.ts';
import { tinyPipeline } from '../test-support/tiny-pipeline.ts';
import { bundleFolder } from './bundle-folder.ts';
import { pipelineFolder } from './pipeline-folder.ts';

// A conversion takes half a second on an idle machine; this one may not be.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let folder: string;
let out: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bundle-'));
  out = join(folder, 'out');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('a conversion to disk', () => {
  it('from a folder gives the bundle that one from memory gives, under the asked name and no other', async () => {
    const files = await tinyPipeline();
    await writeFiles(join(folder, 'in'), files);
    const { identity } = await convertPipeline(pipelineFolder(join(folder, 'in')), await bundleFolder(out), {
      dtype: 'q8',
    });
    expect((await readdir(folder)).sort()).toEqual(['in', 'out']);
    const again = join(folder, 'again');
    const second = await convertPipeline(memorySource(files), await bundleFolder(again), { dtype: 'q8' });
    expect(second.identity).toBe(identity);
    const report = await inspectBundle(pipelineFolder(out), { verify: true });
    expect(report.identity).toBe(identity);
    expect(new Set(Object.values(report.files!))).toEqual(new Set(['ok']));
  });

  it('has no name and no manifest until it is complete', async () => {
    const controller = new AbortController();
    const seen: string[][] = [];
    const conversion = convertPipeline(memorySource(await tinyPipeline()), await bundleFolder(out), {
      dtype: 'f32',
      signal: controller.signal,
      onProgress: ({ parts }) => {
        if (parts.done === 5) controller.abort();
      },
    });
    const watching = (async () => {
      while (!controller.signal.aborted) {
        for (const name of await readdir(folder))
          seen.push([name, ...(await readdir(join(folder, name, 'bundle')).catch(() => []))]);
      }
    })();
    await expect(conversion).rejects.toMatchObject({ name: 'AbortError' });
    await watching;
    expect(seen.length).toBeGreaterThan(0);
    for (const [name, ...files] of seen) {
      expect(name).toBe('out.partial');
      expect(files).not.toContain('manifest.json');
    }
  });

  it('leaves the bundle that was there when a new one fails, and replaces it when it succeeds', async () => {
    const files = await tinyPipeline();
    const first = await convertPipeline(memorySource(files), await bundleFolder(out), { dtype: 'q8' });
    const broken = new Map(files).set('vae/diffusion_pytorch_model.safetensors', new Uint8Array(4));
    await expect(convertPipeline(memorySource(broken), await bundleFolder(out), { dtype: 'q8' })).rejects.toMatchObject(
      { code: 'input/file-unsupported' },
    );
    expect((await inspectBundle(pipelineFolder(out))).identity).toBe(first.identity);
    const second = await convertPipeline(memorySource(files), await bundleFolder(out), { dtype: 'q4' });
    expect((await inspectBundle(pipelineFolder(out))).identity).toBe(second.identity);
    expect(await readdir(folder)).toEqual(['out']);
  });

  it('never overwrites what is not a bundle', async () => {
    await mkdir(out);
    await writeFile(join(out, 'thesis.txt'), 'years of work');
    await expect(bundleFolder(out)).rejects.toMatchObject({ code: 'input/conflict' });
    await writeFile(join(out, 'manifest.json'), '{"name":"a web app"}');
    await expect(bundleFolder(out)).rejects.toMatchObject({ code: 'input/conflict' });
    expect(await readFile(join(out, 'thesis.txt'), 'utf8')).toBe('years of work');
    await expect(bundleFolder(join(out, 'thesis.txt'))).rejects.toMatchObject({ code: 'input/conflict' });
  });
});

describe('a place that takes no folders', () => {
  it.skipIf(process.platform !== 'linux')('is refused at once (skipped where there is no /proc)', async () => {
    await expect(bundleFolder('/proc/flux-srpo')).rejects.toMatchObject({
      code: 'storage/write-failed',
      message: 'cannot write /proc/flux-srpo: ENOENT',
    });
  });

  it('may be anywhere below folders that are still to be made', async () => {
    await (await bundleFolder(join(folder, 'a/b/out'))).abort();
    expect(await readdir(join(folder, 'a/b'))).toEqual([]);
  });
});

describe('a folder to read', () => {
  it('that does not exist is not found, with its name', async () => {
    await expect(pipelineFolder(join(folder, 'nowhere')).list()).rejects.toMatchObject({ code: 'model/not-found' });
  });

  it('opens only files that are inside', async () => {
    await writeFile(join(folder, 'secret'), 'x');
    await mkdir(join(folder, 'in'));
    await expect(pipelineFolder(join(folder, 'in')).open('../secret')).rejects.toMatchObject({
      code: 'model/file-missing',
    });
  });
});

describe('inspection', () => {
  it('finds a changed byte, a cut file and a missing one', async () => {
    await convertPipeline(memorySource(await tinyPipeline()), await bundleFolder(out), { dtype: 'q8' });
    const weights = (part: string) => join(out, 'weights', `${part}.safetensors`);
    const changed = await readFile(weights('double_block.0'));
    changed[changed.length - 1]! ^= 1;
    await writeFile(weights('double_block.0'), changed);
    await writeFile(join(out, 'graphs', 'vae_in.onnx'), new Uint8Array(3));
    await rm(join(out, 'tokenizer', 'tokenizer.json'));
    const { files } = await inspectBundle(pipelineFolder(out), { verify: true });
    expect(Object.entries(files!).filter(([, state]) => state !== 'ok')).toEqual([
      ['tokenizer/tokenizer.json', 'missing'],
      ['graphs/vae_in.onnx', 'wrong size'],
      ['weights/double_block.0.safetensors', 'wrong hash'],
    ]);
  });

  it('says what each class of tensor and each phase takes', async () => {
    await convertPipeline(memorySource(await tinyPipeline()), await bundleFolder(out), { dtype: 'q4' });
    const { classes, phases } = await inspectBundle(pipelineFolder(out));
    // Two double blocks with 2·4 projections of 64×64, one single block with 4; 4 bits, and 16 more
    // for every 32.
    expect(classes.attention).toEqual({
      dtypes: { q4: 40960, 'F16 scales': 5120 },
      weights: 81920,
      bytes: 46080,
      bitsPerWeight: 4.5,
    });
    await convertPipeline(memorySource(await tinyPipeline()), await bundleFolder(out), { dtype: 'q4m' });
    // At a width of 64 the offsets take as many columns as the weights.
    expect((await inspectBundle(pipelineFolder(out))).classes.attention).toEqual({
      dtypes: { q4m: 81920, 'e4m4 scales': 5120 },
      weights: 81920,
      bytes: 87040,
      bitsPerWeight: 8.5,
    });
    // Scales are widened to float32 when they are loaded.
    expect(phases.denoise.loadedBytes).toBeGreaterThan(phases.denoise.bytes);
    expect(classes.norm).toMatchObject({ bitsPerWeight: 32 });
  });
});
