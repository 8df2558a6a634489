import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WeightClass } from '@flux-srpo/core';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { FLUX_SRPO_INFO } from '../bundle/bundle-info.ts';
import { convertPipeline } from '../convert/convert.ts';
import type { ConvertNotice, ConvertOptions } from '../convert/convert-options.ts';
import { bundleFolder } from '../node/bundle-folder.ts';
import type { SourceFolder } from '../sources/source-folder.ts';
import { memoryBundle, memorySource } from '../test-support/memory.ts';
import { tinyPipeline } from '../test-support/tiny-pipeline.ts';

// A conversion takes half a second on an idle machine; this one may not be.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/**
 * The class whose quantizer another version of the converter has changed: it rounds the first
 * weight differently.
 */
const version = vi.hoisted(() => ({ changed: undefined as WeightClass | undefined }));
const changing = vi.hoisted(() => (weightClass: WeightClass, quantized: { codes: Uint8Array }) => {
  if (version.changed === weightClass) quantized.codes[0]! ^= 1;
  return quantized;
});
vi.mock('../quantize/symmetric.ts', async (load) => {
  const { quantizeQ8, quantizeQ4 } = await load<typeof import('../quantize/symmetric.ts')>();
  return {
    quantizeQ8: (...rows: Parameters<typeof quantizeQ8>) => changing('q8', quantizeQ8(...rows)),
    quantizeQ4: (...rows: Parameters<typeof quantizeQ4>) => changing('q4', quantizeQ4(...rows)),
  };
});
vi.mock('../quantize/q4m.ts', async (load) => {
  const kernels = await load<typeof import('../quantize/q4m.ts')>();
  const quantizeQ4m = (...rows: Parameters<typeof kernels.quantizeQ4m>) =>
    changing('q4m', kernels.quantizeQ4m(...rows));
  return { ...kernels, quantizeQ4m };
});

let source: SourceFolder;
let folder: string;
beforeAll(async () => {
  // Without versions no two runs have the same source; files on a disk have their times.
  const files = memorySource(await tinyPipeline());
  source = { ...files, open: async (path) => ({ ...(await files.open(path)), version: '1' }) };
});
beforeEach(async () => {
  version.changed = undefined;
  folder = await mkdtemp(join(tmpdir(), 'quantizer-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it.each(['q8', 'q4', 'q4m'] as const)('a changed %s quantizer starts over', async (dtype) => {
  const notices: ConvertNotice[] = [];
  const convert = async (options: Partial<ConvertOptions>) =>
    convertPipeline(source, await bundleFolder(join(folder, 'out')), {
      info: FLUX_SRPO_INFO,
      dtype,
      onNotice: (notice) => notices.push(notice),
      ...options,
    });
  const controller = new AbortController();
  const onProgress: ConvertOptions['onProgress'] = ({ parts }) => parts.done === 9 && controller.abort();
  await expect(convert({ signal: controller.signal, onProgress })).rejects.toThrow();

  version.changed = dtype;
  const { identity } = await convert({});
  expect(notices).toEqual([
    { type: 'suspended' },
    { type: 'started-over', reason: expect.stringContaining('converter') },
  ]);
  expect(identity).toBe((await convertPipeline(source, memoryBundle(), { dtype, info: FLUX_SRPO_INFO })).identity);
});
