import type { Precision } from '@flux-srpo/core';
import { createPipeline } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { describe, expect, it } from 'vitest';
import { type BundleFolder, convertInMemory, openInMemory } from '../support/bundle.ts';
import { type ParityCase, PIPELINES, readExpected, readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { captureCase, type Stages } from '../support/parity-case.ts';
import { relativeRms } from '../support/relative-rms.ts';
import { synthesizeFolder } from '../support/synthesize.ts';

/*
 * The half-precision graphs on the CPU, which rounds every value that is float16 in the graph and
 * adds in float32. A GPU with exact sums would give the same. test/gpu measures what a GPU's own
 * sums cost.
 */

/**
 * Halves have 11 bits, so each rounding is off by 2^-12/√3 = 1.4e-4 rms, and about ten in a row
 * meet in a block. Measured: 3e-4 to 2e-3 (2026-11). A block without its text, or with q and k
 * exchanged, is off by more than 0.1.
 */
const RELATIVE_RMS = 5e-3;

async function run(files: BundleFolder, request: ParityCase, precision: Precision): Promise<Stages> {
  const backend = await createNodeBackend({ threads: 1, precision });
  const pipeline = await createPipeline({ bundle: await openInMemory(files), backend, precision });
  try {
    return await captureCase(pipeline, request);
  } finally {
    await pipeline.dispose();
  }
}

const isCompared = (stage: string) => stage === 'prompt_embeds' || stage === 'decoded' || stage.startsWith('latents_');

describe.each(PIPELINES)('half precision, %s', async (name) => {
  const fixture = await readPipelineFixture(readNodeFixture, name);
  const folder = await synthesizeFolder(readNodeFixture, fixture);
  const request = fixture.cases[0]!;

  it('stays near diffusers in float32 at every stage', async () => {
    const files = await convertInMemory(folder, { dtype: 'f32' });
    const expected = await readExpected(readNodeFixture, name, request.name);
    const stages = await run(files, request, 'f16');
    const compared = [...expected].filter(([stage]) => isCompared(stage));
    expect(compared.length).toBeGreaterThan(2);
    for (const [stage, { data }] of compared) {
      const error = relativeRms(stages.get(stage)!, data);
      expect(error, stage).toBeLessThan(RELATIVE_RMS);
      // Numbers equal to float32's would mean that the float32 graphs ran.
      expect(error, stage).toBeGreaterThan(1e-5);
    }
  });

  it('stays near float32 with the same int4 weights', async () => {
    const files = await convertInMemory(folder, { dtype: 'q4' });
    const whole = await run(files, request, 'f32');
    const half = await run(files, request, 'f16');
    for (const [stage, want] of whole) {
      if (isCompared(stage)) expect(relativeRms(half.get(stage)!, want), stage).toBeLessThan(RELATIVE_RMS);
    }
  });
});

it('is refused by name for a bundle without such graphs', async () => {
  const fixture = await readPipelineFixture(readNodeFixture, PIPELINES[0]!);
  const files = await convertInMemory(await synthesizeFolder(readNodeFixture, fixture), { dtype: 'f32' });
  const { graphs_f16: _, ...older } = JSON.parse(new TextDecoder().decode(files.get('manifest.json')));
  const folder = new Map(files).set('manifest.json', new TextEncoder().encode(JSON.stringify(older)));
  await expect(run(folder, fixture.cases[0]!, 'f16')).rejects.toMatchObject({
    code: 'input/conflict',
    details: { field: 'precision' },
  });
});
