import { createPipeline, type Pipeline } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertInMemory, openInMemory } from '../support/bundle.ts';
import { PIPELINES, type PipelineFixture, readExpected, readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { captureCase, compareStages, failures } from '../support/parity-case.ts';
import { synthesizeFolder } from '../support/synthesize.ts';

// Oracle: diffusers' FluxPipeline, fp32 on the CPU, on the same weights
// (test/reference/make_pipelines.py).

const fixtures = await Promise.all(PIPELINES.map((name) => readPipelineFixture(readNodeFixture, name)));

describe.each(fixtures.map((fixture) => [fixture.name, fixture] as const))(
  'pipeline %s in Node',
  (_, fixture: PipelineFixture) => {
    let pipeline: Pipeline;
    beforeAll(async () => {
      const files = await convertInMemory(await synthesizeFolder(readNodeFixture, fixture), { dtype: 'f32' });
      pipeline = await createPipeline({
        bundle: await openInMemory(files),
        backend: await createNodeBackend({ threads: 1 }),
      });
    });
    afterAll(() => pipeline?.dispose());

    it.each(fixture.cases.map((request) => [request.name, request] as const))(
      'gives the numbers of diffusers at every stage: %s',
      async (name, request) => {
        const expected = await readExpected(readNodeFixture, fixture.name, name);
        expect(failures(compareStages(await captureCase(pipeline, request), expected))).toEqual([]);
      },
    );
  },
);
