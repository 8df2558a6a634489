import { type Checkpoint, createPipeline, type GenerateResult, type Pipeline } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BundleFolder, convertInMemory, openInMemory } from '../support/bundle.ts';
import { readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { synthesizeFolder } from '../support/synthesize.ts';

// Oracle: the same request undisturbed, to the bit. A pipeline that goes on is a new one, with
// nothing in memory but the checkpoint.

const STEPS = 5;

const REQUEST = {
  prompt: 'a yellow duck on the sea',
  // Width, height and depth differ, so that a batch that is cut wrongly shows.
  size: { width: 48, height: 32 },
  steps: STEPS,
  seed: 11,
  n: 2,
  maxSequenceLength: 24,
};

let files: BundleFolder;
beforeAll(async () => {
  const fixture = await readPipelineFixture(readNodeFixture, 'b-2x64');
  const converted = await convertInMemory(await synthesizeFolder(readNodeFixture, fixture), { dtype: 'f32' });
  const manifest = JSON.parse(new TextDecoder().decode(converted.get('manifest.json')));
  // With random weights, about every other step changes little enough to be skipped.
  manifest.step_cache = { regular: 0.8, high: 1 };
  files = new Map(converted).set('manifest.json', new TextEncoder().encode(JSON.stringify(manifest)));
});

async function open(): Promise<Pipeline> {
  return createPipeline({ bundle: await openInMemory(files), backend: await createNodeBackend({ threads: 1 }) });
}

/** The undisturbed picture, and each checkpoint on its way, as plain data. */
async function draw(request: typeof REQUEST): Promise<{ whole: GenerateResult; checkpoints: Checkpoint[] }> {
  const pipeline = await open();
  const checkpoints: Checkpoint[] = [];
  const whole = await pipeline.generate(request, {
    onCheckpoint: (checkpoint) => checkpoints.push(structuredClone(checkpoint)),
  });
  await pipeline.dispose();
  return { whole, checkpoints };
}

/** What a pipeline that starts with nothing else draws from a checkpoint on. */
async function goOn(request: typeof REQUEST, from: Checkpoint) {
  const pipeline = await open();
  const stages = new Set<string>();
  const steps = new Set<number>();
  const fractions: number[] = [];
  const result = await pipeline.generate(request, {
    from,
    onProgress: (event) => {
      stages.add(event.stage);
      fractions.push(event.fraction);
      if (event.stage === 'denoise') steps.add(event.step);
    },
  });
  await pipeline.dispose();
  return { result, stages, steps: [...steps], fractions };
}

describe.each(['none', 'regular', 'high'] as const)('a picture that was disturbed, acceleration %s', (acceleration) => {
  const request = { ...REQUEST, acceleration };
  let whole: GenerateResult;
  let checkpoints: Checkpoint[];
  beforeAll(async () => {
    ({ whole, checkpoints } = await draw(request));
  });

  it.each(Array.from({ length: STEPS + 1 }, (_, step) => step))(
    'in step %i goes on there, to the same bits',
    async (step) => {
      const from = checkpoints[step]!;
      expect(from.step).toBe(step);
      const { result, stages, steps, fractions } = await goOn(request, from);
      expect(result.images).toEqual(whole.images);
      expect([result.skippedSteps, result.dropped]).toEqual([whole.skippedSteps, whole.dropped]);
      // No prompt is encoded again, and no finished step is counted again.
      expect(stages.has('denoise')).toBe(step < STEPS);
      expect(steps).toEqual(Array.from({ length: STEPS - step }, (_, i) => step + i));
      expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
      expect(fractions.at(-1)).toBe(1);
    },
  );

  it('has skipped steps where it is accelerated', () => {
    expect(whole.skippedSteps > 0).toBe(acceleration !== 'none');
  });
});

describe('a checkpoint', () => {
  let pipeline: Pipeline;
  let from: Checkpoint;
  beforeAll(async () => {
    from = (await draw(REQUEST)).checkpoints[2]!;
    pipeline = await open();
  });
  afterAll(() => pipeline.dispose());

  it.each([
    ['another size', { size: { width: 48, height: 48 } }],
    ['another number of pictures', { n: 1 }],
    ['fewer steps', { steps: 1 }],
    ['another prompt length', { maxSequenceLength: 16 }],
    ['a step cache that it knows nothing of', { acceleration: 'regular' as const }],
  ])('is refused for a request with %s', async (_what, changed) => {
    await expect(pipeline.generate({ ...REQUEST, ...changed }, { from })).rejects.toMatchObject({
      code: 'input/conflict',
    });
  });
});

describe('a fingerprint', () => {
  it('is of the bundle and of what computes: two pipelines of both share it', async () => {
    const pipelines = [await open(), await open()];
    expect(new Set(pipelines.map(({ fingerprint }) => fingerprint)).size).toBe(1);
    for (const each of pipelines) await each.dispose();
    const other = new TextEncoder().encode(`${new TextDecoder().decode(files.get('manifest.json'))}\n`);
    const bundle = await openInMemory(new Map(files).set('manifest.json', other));
    const changed = await createPipeline({ bundle, backend: await createNodeBackend({ threads: 1 }) });
    expect(changed.fingerprint).not.toBe(pipelines[0]!.fingerprint);
    await changed.dispose();
  });
});
