import { createSha256 } from '@flux-srpo/formats';
import { createPipeline } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { describe, expect, it } from 'vitest';
import { type BundleFolder, convertInMemory, openInMemory } from '../support/bundle.ts';
import { PIPELINES, readPipelineFixture, readTensors } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { captureCase, compareStages, failures } from '../support/parity-case.ts';
import { synthesizeFolder } from '../support/synthesize.ts';

// Oracle: FluxPipeline in fp32 on the bundle's weights. test/reference/bundle.py reads and
// dequantizes them; it knows only what ARCHITECTURE.md says of the files.

interface Sidecar {
  case: string;
  weights_sha256: string;
}

/**
 * Both sides hold the same weights. A block-quantized matmul sums in another order, and MatMulNBits
 * may round its input.
 */
const DEQUANTIZED = { floats: { atol: 1e-3, rtol: 1e-3 }, pixels: { atol: 1, rtol: 0 } };

const DTYPES = ['q8', 'q4', 'q4m', 'q4k'] as const;

const RUNS = PIPELINES.flatMap((name) => DTYPES.map((dtype) => [name, dtype] as const));

describe.each(RUNS)('pipeline %s in %s', (name, dtype) => {
  it('gives the numbers of diffusers on the dequantized weights', async () => {
    const folder = `pipelines/${name}/quantized/${dtype}`;
    const sidecar = JSON.parse(new TextDecoder().decode(await readNodeFixture(`${folder}.json`))) as Sidecar;
    const fixture = await readPipelineFixture(readNodeFixture, name);
    const files = await convertInMemory(await synthesizeFolder(readNodeFixture, fixture), { dtype });
    expect(await weightsHash(files), 'the quantizer changed: run test/reference/quantized.py again').toBe(
      sidecar.weights_sha256,
    );

    const expected = await readTensors(readNodeFixture, `${folder}.safetensors`);
    const request = fixture.cases.find((each) => each.name === sidecar.case)!;
    const backend = await createNodeBackend({ threads: 1 });
    const pipeline = await createPipeline({ bundle: await openInMemory(files), backend });
    try {
      expect(failures(compareStages(await captureCase(pipeline, request), expected, DEQUANTIZED))).toEqual([]);
    } finally {
      await pipeline.dispose();
    }
  });
});

/** SHA-256 of all files under weights/, by name. */
async function weightsHash(files: BundleFolder): Promise<string> {
  const hash = await createSha256();
  const paths = [...files.keys()].filter((path) => path.startsWith('weights/'));
  for (const path of paths.sort()) hash.update(files.get(path)!);
  return hash.hex();
}
