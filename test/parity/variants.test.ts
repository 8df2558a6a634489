import { combineSources } from '@flux-srpo/export';
import { createPipeline } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { describe, expect, it } from 'vitest';
import {
  type RawTensor,
  rawGguf,
  rawSafetensors,
  sourceFile,
} from '../../packages/export/src/test-support/checkpoint-files.ts';
import { type ConvertInMemoryOptions, convertInMemory, memoryFolder, openInMemory } from '../support/bundle.ts';
import { type ParityCase, type PipelineName, readPipelineFixture, readTensors } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { captureCase, compareStages, failures, type StageTolerances } from '../support/parity-case.ts';
import { synthesizeFolder, synthesizeTensors, type Tensors } from '../support/synthesize.ts';
import { type BlockType, ggmlBlocks } from './support/ggml-blocks.ts';

// Files in place of a folder's own that say something else than the folder. Oracle: diffusers on a
// folder that says what the files say, and the gguf package for the numbers of blocks
// (test/reference/variants.py).

interface VariantsFixture {
  pipeline: PipelineName;
  cases: ParityCase[];
}

const fixture = JSON.parse(
  new TextDecoder().decode(await readNodeFixture('variants/variants.json')),
) as VariantsFixture;
const pipeline = await readPipelineFixture(readNodeFixture, fixture.pipeline);
const folder = await synthesizeFolder(readNodeFixture, pipeline);

type Source = Awaited<ReturnType<typeof combineSources>>;
type Component = 'transformer' | 'text_encoder';

/** The folder with this file in place of its own. */
const withFile = (component: Component, name: string, bytes: Uint8Array): Promise<Source> =>
  combineSources({ folder: memoryFolder(folder), files: { [component]: sourceFile(name, bytes) } });

function raw(tensors: Tensors): Map<string, RawTensor> {
  return new Map(
    [...tensors].map(([name, { shape, data }]) => [
      name,
      { dtype: 'F32', shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) },
    ]),
  );
}

/** A component's tensors after a change of their list. */
function tensorsOf(component: Component, change: (rows: [string, number[], number, number][]) => unknown): Tensors {
  const described = structuredClone(pipeline.components[component]!);
  change(described.tensors as [string, number[], number, number][]);
  return synthesizeTensors(component, described);
}

/** FLUX.1 [schnell]'s kind: no guidance embedding, and a file that says nothing of a schedule. */
async function withoutGuidance(): Promise<Source> {
  const all = tensorsOf('transformer', () => {});
  const own = new Map([...all].filter(([name]) => !name.includes('.guidance_embedder.')));
  return withFile('transformer', 'schnell.safetensors', await rawSafetensors(raw(own)));
}

async function moreBlocks(): Promise<Source> {
  const own = tensorsOf('transformer', (rows) => {
    const before = [...rows];
    for (const [blocks, i] of [
      ['transformer_blocks', 1],
      ['single_transformer_blocks', 1],
      ['single_transformer_blocks', 2],
    ]) {
      for (const [name, ...rest] of before) {
        if (name.startsWith(`${blocks}.0.`)) rows.push([name.replace(`${blocks}.0.`, `${blocks}.${i}.`), ...rest]);
      }
    }
  });
  return withFile('transformer', 'flux.safetensors', await rawSafetensors(raw(own)));
}

async function longClip(): Promise<Source> {
  const own = tensorsOf('text_encoder', (rows) => {
    rows.find(([name]) => name.endsWith('position_embedding.weight'))![1][0] = 248;
  });
  return withFile('text_encoder', 'long-clip.safetensors', await rawSafetensors(raw(own)));
}

/** Matrices whose rows are whole blocks of 256, in these types by turns. */
async function inBlocks(types: readonly BlockType[]): Promise<Source> {
  const own = raw(tensorsOf('transformer', () => {}));
  const matrices = pipeline.components.transformer!.tensors.filter(
    ([, shape]) => shape.length === 2 && shape[1]! % 256 === 0,
  );
  for (const [i, [name, shape, , std]] of matrices.entries()) {
    const dtype = types[i % types.length]!;
    own.set(name, { dtype, shape, bytes: ggmlBlocks(name, shape, std, dtype) });
  }
  return withFile('transformer', 'flux.gguf', rawGguf(own));
}

const VARIANTS: readonly [name: string, source: () => Promise<Source>][] = [
  ['without-guidance', withoutGuidance],
  ['blocks', moreBlocks],
  ['long-clip', longClip],
  ['minima', () => inBlocks(['Q4_K', 'Q4_1'])],
  ['nonlinear', () => inBlocks(['IQ4_NL', 'IQ4_XS'])],
];

async function draw(source: Source, request: ParityCase, options: ConvertInMemoryOptions = { dtype: 'f32' }) {
  const bundle = await openInMemory(await convertInMemory(source, options));
  const running = await createPipeline({ bundle, backend: await createNodeBackend({ threads: 1 }) });
  try {
    return { manifest: bundle.manifest, stages: await captureCase(running, request) };
  } finally {
    await running.dispose();
  }
}

const expectedOf = (name: string) => readTensors(readNodeFixture, `variants/${name}.safetensors`);
const requestOf = (name: string) => fixture.cases.find((each) => each.name === name)!;

describe.each(VARIANTS)('a file of the kind %s', (name, source) => {
  it('gives the picture of diffusers', async () => {
    const { stages } = await draw(await source(), requestOf(name));
    expect(failures(compareStages(stages, await expectedOf(name)))).toEqual([]);
  });
});

it('a request to a model without guidance that says no steps has 4, with sigmas in equal steps', async () => {
  const { steps: _, ...request } = requestOf('without-guidance');
  const { stages, manifest } = await draw(await withoutGuidance(), request as ParityCase);
  expect([...(stages.get('sigmas') as Float32Array)]).toEqual([1, 0.75, 0.5, 0.25, 0]);
  expect(manifest.name).not.toContain('SRPO');
  expect(failures(compareStages(stages, await expectedOf('without-guidance')))).toEqual([]);
});

/**
 * Scales and offsets of these blocks are halves already. A block-wise matmul sums in another order.
 */
const BLOCKWISE: StageTolerances = { floats: { atol: 1e-3, rtol: 1e-3 }, pixels: { atol: 1, rtol: 0 } };

/** Everything but the blocks, exactly. */
const BLOCKS_ALONE: ConvertInMemoryOptions = {
  dtype: 'q4m',
  classMap: { embedder: 'f32', final: 'f32', t5: 'f32', t5_wo: 'f32', clip: 'f32', vae: 'f32', table: 'f32' },
};

it('blocks with offsets keep their codes in q4k, and give the picture of diffusers', async () => {
  const { stages, manifest } = await draw(await inBlocks(['Q4_K', 'Q4_1']), requestOf('minima'), BLOCKS_ALONE);
  expect(manifest.source.blocks).toMatch(/^kept to the bit: .*Q4_1 \(codes\).*Q4_K \(codes\)/);
  expect(failures(compareStages(stages, await expectedOf('minima'), BLOCKWISE))).toEqual([]);
});
