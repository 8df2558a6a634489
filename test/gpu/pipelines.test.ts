import type { Precision } from '@flux-srpo/core';
import { createPipeline, createWebGpuBackend } from '@flux-srpo/runtime';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BundleFolder, convertInMemory, openInMemory } from '../support/bundle.ts';
import { readExpected, readPipelineFixture } from '../support/fixture.ts';
import { NOTHING } from '../support/linear-graph.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { captureCase } from '../support/parity-case.ts';
import { relativeRms } from '../support/relative-rms.ts';
import { synthesizeFolder } from '../support/synthesize.ts';
import { missing } from './support/adapter.ts';
import { interceptShaders, MENDED_SCORES } from './support/shaders.ts';

/*
 * A small pipeline on this machine's GPU. Oracle: diffusers in float32, at every stage.
 *
 * The limits are relative to each stage's size. Seen on Mesa 26's lavapipe with 4, 8 and 16 lanes
 * (2026-11-28): in float32 1.7e-6 at most, in halves 3.3e-3. Attention that keeps its sums of
 * scores from key to key leaves a picture off by 7.8e-3 with 8 lanes and 4.1e-3 with 16, and must
 * be seen.
 */
const LIMITS: Record<Precision, number> = { f32: 1e-5, f16: 3.7e-3 };

/** Halves are not exact: less than this says that float32 ran. */
const LEAST_IN_HALVES = 1e-5;

const NAME = 'a-3x32';
const isCompared = (stage: string) => /^(prompt_embeds|decoded|latents_\d+)$/.test(stage);

describe('a small pipeline on this GPU', () => {
  beforeEach(({ skip }) => skip(missing !== undefined, missing));

  let files: BundleFolder;
  let unmend = false;
  beforeAll(async () => {
    if (missing !== undefined) return;
    const fixture = await readPipelineFixture(readNodeFixture, NAME);
    files = await convertInMemory(await synthesizeFolder(readNodeFixture, fixture), { dtype: 'f32' });
    interceptShaders((code) => (unmend ? code.replace(MENDED_SCORES, '$1;') : code));
  });

  /** The error of each stage, relative to its size. */
  async function errorsOf(precision: Precision): Promise<Map<string, number>> {
    const fixture = await readPipelineFixture(readNodeFixture, NAME);
    const request = fixture.cases[0]!;
    const backend = await createWebGpuBackend({ precision, selfTest: false });
    const pipeline = await createPipeline({ bundle: await openInMemory(files), backend });
    const stages = await captureCase(pipeline, request);
    await pipeline.dispose();
    await backend.dispose();
    expect(backend.ledger.snapshot()).toMatchObject(NOTHING);
    const expected = [...(await readExpected(readNodeFixture, NAME, request.name))];
    const errors = expected
      .filter(([stage]) => isCompared(stage))
      .map(([stage, { data }]) => [stage, relativeRms(stages.get(stage)!, data)] as const);
    console.log(precision, errors.map(([stage, error]) => `${stage} ${error.toExponential(2)}`).join(', '));
    expect(errors.length).toBeGreaterThan(3);
    return new Map(errors);
  }

  it('stays near diffusers in float32', async () => {
    for (const [stage, error] of await errorsOf('f32')) expect(error, stage).toBeLessThan(LIMITS.f32);
  });

  it('stays near diffusers in halves', async () => {
    for (const [stage, error] of await errorsOf('f16')) {
      expect(error, stage).toBeLessThan(LIMITS.f16);
      expect(error, stage).toBeGreaterThan(LEAST_IN_HALVES);
    }
  });

  it('would leave the limit with the initializers of FlashAttention taken away', async ({ skip }) => {
    const { shaderFix, adapter } = await infoOf();
    skip(shaderFix === undefined, 'this adapter resets the variables of loops itself');
    skip(adapter?.subgroupMinSize === 4, 'attention does not use subgroups of 4 lanes');
    unmend = true;
    const errors = await errorsOf('f16').finally(() => {
      unmend = false;
    });
    expect(errors.get('decoded')).toBeGreaterThan(LIMITS.f16);
  });
});

async function infoOf() {
  const backend = await createWebGpuBackend({ selfTest: false });
  await backend.dispose();
  return backend.info;
}
