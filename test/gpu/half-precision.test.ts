import { createPipeline, createWebGpuBackend, memoryVerdictStore, probeAdapter } from '@flux-srpo/runtime';
import { beforeEach, describe, expect, it } from 'vitest';
import { convertInMemory, openInMemory } from '../support/bundle.ts';
import { installDawn } from '../support/dawn.ts';
import { readExpected, readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { captureCase } from '../support/parity-case.ts';
import { relativeRms } from '../support/relative-rms.ts';
import { synthesizeFolder } from '../support/synthesize.ts';

/*
 * The adapter's own kernels of half precision, through Dawn in Node: a browser without a GPU has
 * none. On Mesa's lavapipe the first run compiles for many minutes; later runs find the shaders in
 * Mesa's cache.
 */

const missing = await whatIsMissing();

async function whatIsMissing(): Promise<string | undefined> {
  const why = await installDawn();
  if (why !== undefined) return why;
  const { features, description, architecture } = await probeAdapter();
  if (!features.includes('shader-f16')) return `no shader-f16: ${description}`;
  const isFull = process.env.TEST_FULL === '1';
  return architecture === 'software' && !isFull
    ? 'a software adapter takes many minutes; TEST_FULL=1 runs it'
    : undefined;
}

/**
 * A GPU's kernels also add in halves: 0.3 % of a linear's size with 3072 products, less with fewer,
 * and errors add up over blocks and steps. A block that ignores its text is off by more than 0.1.
 */
const RELATIVE_RMS = 2e-2;

describe('half precision on this GPU', () => {
  beforeEach(({ skip }) => skip(missing !== undefined, missing));

  it('passes the known answers', async () => {
    const backend = await createWebGpuBackend({ selfTest: { store: memoryVerdictStore() } });
    const { precision, selfTest } = backend.info;
    await backend.dispose();
    console.log(JSON.stringify(selfTest));
    expect(precision).toBe('f16');
    expect(selfTest?.steppedDown).toEqual([]);
  });

  it('stays near diffusers in float32 at every stage of a small pipeline', async () => {
    const fixture = await readPipelineFixture(readNodeFixture, 'a-3x32');
    const files = await convertInMemory(await synthesizeFolder(readNodeFixture, fixture), { dtype: 'f32' });
    const request = fixture.cases[0]!;
    const backend = await createWebGpuBackend({ precision: 'f16', selfTest: false });
    const pipeline = await createPipeline({ bundle: await openInMemory(files), backend });
    const stages = await captureCase(pipeline, request);
    await pipeline.dispose();
    for (const [stage, { data }] of await readExpected(readNodeFixture, 'a-3x32', request.name)) {
      if (stage !== 'prompt_embeds' && stage !== 'decoded' && !stage.startsWith('latents_')) continue;
      const error = relativeRms(stages.get(stage)!, data);
      console.log(`${stage}: ${error.toExponential(2)} of its size`);
      expect(error, stage).toBeLessThan(RELATIVE_RMS);
      expect(error, stage).toBeGreaterThan(1e-5);
    }
  });
});
