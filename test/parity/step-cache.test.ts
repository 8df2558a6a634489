import { createPipeline, type Pipeline } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { afterEach, describe, expect, it } from 'vitest';
import { type BundleFolder, convertInMemory, openInMemory } from '../support/bundle.ts';
import { type ParityCase, readPipelineFixture, readTensors } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { captureCase, compareStages, failures } from '../support/parity-case.ts';
import { synthesizeFolder } from '../support/synthesize.ts';

// Oracle: diffusers' own FirstBlockCacheConfig on the same pipeline, noise and thresholds
// (test/reference/step_cache.py). A step that only one side skipped moves the latents by far more
// than the tolerance.

const PIPELINE = 'b-2x64';

const REQUEST: ParityCase = {
  name: 'cached',
  prompt: 'a yellow duck on the sea',
  width: 96,
  height: 48,
  steps: 8,
  guidance: 4,
  seed: 11,
  n: 1,
  max_sequence_length: 24,
};

const fixture = await readPipelineFixture(readNodeFixture, PIPELINE);
const folder = await synthesizeFolder(readNodeFixture, fixture);
let files: BundleFolder | undefined;
let pipeline: Pipeline;

/** Opens the pipeline with `threshold` as the meaning of "regular". */
async function open(threshold: number): Promise<void> {
  files ??= await convertInMemory(folder, { dtype: 'f32' });
  const manifest = JSON.parse(new TextDecoder().decode(files.get('manifest.json')));
  manifest.step_cache = { regular: threshold, high: threshold };
  const changed = new Map(files).set('manifest.json', new TextEncoder().encode(JSON.stringify(manifest)));
  pipeline = await createPipeline({
    bundle: await openInMemory(changed),
    backend: await createNodeBackend({ threads: 1 }),
  });
}

afterEach(() => pipeline?.dispose());

describe('the step cache', () => {
  it.each([
    ['none', 0.8, 'none', 0],
    ['some', 0.8, 'regular', 2],
    ['most', 1, 'regular', 6],
  ] as const)('gives the latents of diffusers when it skips %s', async (name, threshold, acceleration, skipped) => {
    await open(threshold);
    const expected = await readTensors(readNodeFixture, `step-cache/${name}.safetensors`);
    const stages = await captureCase(pipeline, { ...REQUEST, acceleration });
    expect(failures(compareStages(stages, expected))).toEqual([]);
    expect(stages.get('skipped_steps')).toEqual([skipped]);
  });

  it('never skips a step whose change is not below the threshold', async () => {
    await open(0);
    const request = {
      prompt: REQUEST.prompt,
      size: { width: 48, height: 32 },
      steps: 3,
      seed: 1,
      maxSequenceLength: 24,
    };
    const exact = await pipeline.generate(request);
    const cached = await pipeline.generate({ ...request, acceleration: 'high' });
    expect(cached.skippedSteps).toBe(0);
    expect(cached.images).toEqual(exact.images);
  });

  it('skips the pictures of a batch together, and holds nothing afterwards', async () => {
    await open(10);
    const request = {
      prompt: REQUEST.prompt,
      size: { width: 48, height: 32 },
      steps: 3,
      seed: 1,
      n: 2,
      maxSequenceLength: 24,
    };
    await pipeline.generate(request);
    const before = pipeline.backend.ledger.snapshot();
    const { skippedSteps, images } = await pipeline.generate({ ...request, acceleration: 'regular' });
    expect(skippedSteps).toBe(2);
    expect(images).toHaveLength(2);
    expect(pipeline.backend.ledger.snapshot().tensors).toBe(before.tensors);
  });
});
