import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { modelParts } from '@flux-srpo/core';
import { createPipeline, openBundle } from '@flux-srpo/runtime';
import { createNodeBackend, folderBundle } from '@flux-srpo/runtime/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleBench } from '../../bench/gpu/bundle.mjs';
import { SMALL } from '../../bench/gpu/shared-model.ts';

/** The bench for machines with a GPU as one file, where there are no packages. */

const run = promisify(execFile);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flux-srpo-gpu-bench-'));
  await bundleBench(join(folder, 'bench.mjs'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('makes a whole model of random weights, of which blocks of a kind share one file', async () => {
  const out = join(folder, 'model');
  const question = { ask: 'weights', dtype: 'q4m', isSmall: true, folder: out };
  const { stdout } = await run(process.execPath, ['bench.mjs', '--answer', JSON.stringify(question)], {
    cwd: folder,
    env: { PATH: '/nonexistent' },
  });
  expect(JSON.parse(stdout)).toMatchObject({ what: 'weights', dtype: 'q4m' });

  const bundle = await openBundle(folderBundle(out));
  const { manifest, part } = bundle;
  expect(manifest.parts.map(({ name }) => name)).toEqual(modelParts(SMALL).map(({ name }) => name));
  expect(part('double_block.1')).toEqual({ ...part('double_block.0'), name: 'double_block.1' });
  expect(part('vae_up.1').weights).not.toBe(part('vae_up.0').weights);

  // Every part is read, checked and run. The pipeline refuses numbers that are not finite.
  const pipeline = await createPipeline({ bundle, backend: await createNodeBackend() });
  const { images } = await pipeline.generate({ prompt: 'a red house', size: { width: 64, height: 64 }, steps: 2 });
  await pipeline.dispose();
  expect(new Set(images[0]!.rgb).size).toBeGreaterThan(2);
});
