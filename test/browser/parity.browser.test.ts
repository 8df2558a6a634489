/// <reference types="vite/client" />
import {
  type Backend,
  createPipeline,
  createWasmBackend,
  createWebGpuBackend,
  type Pipeline,
} from '@flux-srpo/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BundleFolder, convertInMemory, openInMemory } from '../support/bundle.ts';
import { PIPELINES, readExpected, readPipelineFixture } from '../support/fixture.ts';
import { captureCase, compareStages, failures } from '../support/parity-case.ts';
import { synthesizeFolder } from '../support/synthesize.ts';
import { readFixture } from './support/browser-fixtures.ts';

// Oracle: diffusers' FluxPipeline, fp32 on the CPU, on the same weights
// (test/reference/make_pipelines.py). Cases and tolerances are those of the Node test. The
// conversion runs in the browser too.

/**
 * The software GPU compiles its kernels again for each case, so WebGPU draws the first case of each
 * pipeline. `npm run test:full` draws all.
 */
const GPU_CASES = import.meta.env.VITE_TEST_FULL === '1' ? undefined : 1;

const BACKENDS: readonly (readonly [string, () => Promise<Backend>, cases: number | undefined])[] = [
  ['wasm', createWasmBackend, undefined],
  ['WebGPU', createWebGpuBackend, GPU_CASES],
];

describe.each(PIPELINES)('pipeline %s in a browser', async (name) => {
  const fixture = await readPipelineFixture(readFixture, name);
  let files: BundleFolder;
  beforeAll(async () => {
    files = await convertInMemory(await synthesizeFolder(readFixture, fixture), { dtype: 'f32' });
  });

  describe.each(BACKENDS)('on %s', (_, createBackend, cases) => {
    let pipeline: Pipeline;
    beforeAll(async () => {
      pipeline = await createPipeline({ bundle: await openInMemory(files), backend: await createBackend() });
    });
    afterAll(() => pipeline?.dispose());

    it.each(fixture.cases.slice(0, cases).map((request) => [request.name, request] as const))(
      'gives the numbers of diffusers at every stage: %s',
      async (caseName, request) => {
        const expected = await readExpected(readFixture, name, caseName);
        expect(failures(compareStages(await captureCase(pipeline, request), expected))).toEqual([]);
      },
    );
  });
});
