import type { LoraSource } from '@flux-srpo/export';
import { bytesSource } from '@flux-srpo/formats';
import { createPipeline } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { describe, expect, it } from 'vitest';
import { convertInMemory, openInMemory } from '../support/bundle.ts';
import { readPipelineFixture, readTensors, type SyntheticTensor } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { captureCase, compareStages, failures } from '../support/parity-case.ts';
import { randnNamed, synthesizeFile, synthesizeFolder } from '../support/synthesize.ts';
import { bundleMatrices, type Matrix } from './support/bundle-matrices.ts';

// Oracle: diffusers' own load_lora_weights and fuse_lora, with its converters for every naming
// (test/reference/lora.py). Of each merged weight W the fixture has W · p for a random p, in which
// every number of W counts.

interface LoraForm {
  name: string;
  strength: number;
  tensors: SyntheticTensor[];
  metadata?: Record<string, string>;
}

interface LoraFixture {
  pipeline: 'a-3x32';
  forms: LoraForm[];
}

const fixture = JSON.parse(new TextDecoder().decode(await readNodeFixture('lora/lora.json'))) as LoraFixture;
const pipeline = await readPipelineFixture(readNodeFixture, fixture.pipeline);

async function loraOf({ name, strength, tensors, metadata }: LoraForm): Promise<LoraSource> {
  const bytes = await synthesizeFile(`lora/${name}`, tensors, metadata);
  return { file: { name: `${name}.safetensors`, open: async () => bytesSource(bytes, name) }, strength };
}

async function convert(...loras: LoraSource[]) {
  return convertInMemory(await synthesizeFolder(readNodeFixture, pipeline), { dtype: 'f32', loras });
}

/** W · p in float64, [out]. */
function product(name: string, { out, inner, values }: Matrix): Float64Array {
  const probe = randnNamed(`probe/${name}`, inner);
  return Float64Array.from({ length: out }, (_, row) => {
    let sum = 0;
    for (let column = 0; column < inner; column++) sum += values[row * inner + column]! * probe[column]!;
    return sum;
  });
}

// torch rounds up · down, its product with the scale, and the sum to float32; here only the sum is
// rounded. Each number of up to 3 is thus off by up to three roundings of 6e-8, with random signs
// over at most 480 columns.
const ATOL = 2e-5;

describe.each(fixture.forms.map((form) => [form.name, form] as const))('a LoRA in the naming of %s', (name, form) => {
  it('changes the weights that diffusers changes, to the numbers that diffusers merges', async () => {
    const before = await bundleMatrices(await convert());
    const after = await bundleMatrices(await convert(await loraOf(form)));
    const expected = await readTensors(readNodeFixture, `lora/${name}.safetensors`);
    const changed = [...after].filter(([each, { values }]) => values.some((x, i) => x !== before.get(each)!.values[i]));
    expect(changed.map(([each]) => each).sort()).toEqual([...expected.keys()].sort());
    for (const [each, matrix] of changed) {
      const got = product(each, matrix);
      const off = got.reduce((worst, x, i) => Math.max(worst, Math.abs(x - expected.get(each)!.data[i]!)), 0);
      expect([each, off < ATOL || off]).toEqual([each, true]);
    }
  });
});

// Oracle: the differences added by hand in torch, and the picture by diffusers
// (test/reference/lora_differences.py).
it('whole differences of weights, biases and norms give the picture of diffusers with them added', async () => {
  const text = new TextDecoder().decode(await readNodeFixture('lora/differences.json'));
  const { form } = JSON.parse(text) as { form: LoraForm };
  const bundle = await openInMemory(await convert(await loraOf(form)));
  const running = await createPipeline({ bundle, backend: await createNodeBackend({ threads: 1 }) });
  try {
    const request = pipeline.cases.find(({ name }) => name === 'short')!;
    const expected = await readTensors(readNodeFixture, 'lora/differences-short.safetensors');
    expect(failures(compareStages(await captureCase(running, request), expected))).toEqual([]);
  } finally {
    await running.dispose();
  }
});

it('a picture of the merged bundle is the picture of diffusers with the LoRA fused', async () => {
  const form = fixture.forms.find(({ name }) => name === 'kohya')!;
  const bundle = await openInMemory(await convert(await loraOf(form)));
  expect(bundle.manifest.loras).toMatchObject([{ name: 'kohya.safetensors', strength: form.strength }]);
  const running = await createPipeline({ bundle, backend: await createNodeBackend({ threads: 1 }) });
  try {
    const request = pipeline.cases.find(({ name }) => name === 'short')!;
    const expected = await readTensors(readNodeFixture, 'lora/kohya-short.safetensors');
    expect(failures(compareStages(await captureCase(running, request), expected))).toEqual([]);
  } finally {
    await running.dispose();
  }
});
