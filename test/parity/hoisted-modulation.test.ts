import { type Backend, createPipeline, type DeviceTensor, type HostTensor, type Stage } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { describe, expect, it } from 'vitest';
import '../support/allclose.ts';
import { convertInMemory, openInMemory } from '../support/bundle.ts';
import { readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { captureCase } from '../support/parity-case.ts';
import { synthesizeFolder } from '../support/synthesize.ts';
import { type Feeds, hookBackend } from './support/tamper.ts';

/** The same products. A product of one row takes another kernel, which sums in another order. */
const SAME_SUMS = { atol: 2e-5, rtol: 2e-5 };

describe('modulation, hoisted out of the loop', () => {
  it('gives the latents of running the same graphs once per step', async () => {
    const fixture = await readPipelineFixture(readNodeFixture, 'c-2x128');
    const files = await convertInMemory(await synthesizeFolder(readNodeFixture, fixture), { dtype: 'f32' });
    const request = fixture.cases.find(({ name }) => name === 'tall')!;
    const rowsSeen = new Set<number>();
    const capture = async (backend: Backend) => {
      const pipeline = await createPipeline({ bundle: await openInMemory(files), backend });
      try {
        return await captureCase(pipeline, request);
      } finally {
        await pipeline.dispose();
      }
    };

    const hoisted = await capture(await createNodeBackend({ threads: 1 }));
    const perStep = await capture(
      hookBackend(await createNodeBackend({ threads: 1 }), {
        run: (session, feeds, run, stage) =>
          session.graph === 'conditioning' || session.graph.startsWith('modulation_')
            ? runRowByRow(feeds, run, stage, rowsSeen)
            : run(feeds),
      }),
    );

    expect([...rowsSeen]).toEqual([request.steps]);
    for (let step = 1; step <= request.steps; step++) {
      const name = `latents_00${step}`;
      const [actual, expected] = [hoisted.get(name)!, perStep.get(name)!];
      expect(actual, name).toBeAllclose(expected, SAME_SUMS);
    }
  });
});

const BATCHED = ['timestep_proj', 'guidance_proj', 'silu_vec'];

/** Runs each row of the batched inputs by itself and puts the outputs together again. */
async function runRowByRow(
  feeds: Feeds,
  run: (feeds: Feeds) => Promise<Record<string, DeviceTensor>>,
  stage: Stage,
  rowsSeen: Set<number>,
): Promise<Record<string, DeviceTensor>> {
  const batched = await Promise.all(
    Object.entries(feeds)
      .filter(([name]) => BATCHED.includes(name))
      .map(async ([name, tensor]) => ({ name, dims: tensor.dims, data: await floats(stage, tensor) })),
  );
  const rows = batched[0]!.dims[0]!;
  rowsSeen.add(rows);
  const pieces: Float32Array[] = [];
  let output = '';
  for (let row = 0; row < rows; row++) {
    const own: Record<string, HostTensor> = {};
    for (const { name, dims, data } of batched) {
      const width = dims[1]!;
      own[name] = { dtype: 'float32', dims: [1, width], data: data.slice(row * width, (row + 1) * width) };
    }
    const results = await run({ ...feeds, ...own });
    for (const [name, tensor] of Object.entries(results)) {
      output = name;
      pieces.push(await stage.read(tensor));
      tensor.dispose();
    }
  }
  const width = pieces[0]!.length;
  const whole = await stage.upload('float32', [rows, width], async (write) => {
    for (const [row, piece] of pieces.entries()) write(row * width * 4, new Uint8Array(piece.buffer));
  });
  return { [output]: whole };
}

async function floats(stage: Stage, tensor: HostTensor | DeviceTensor): Promise<Float32Array> {
  return 'data' in tensor ? (tensor.data as Float32Array) : stage.read(tensor);
}
