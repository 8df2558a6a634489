import { combineSources } from '@flux-srpo/export';
import { createPipeline } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { expect, it } from 'vitest';
import { toOpenAiClip } from '../../packages/export/src/test-support/bfl.ts';
import {
  filesBeside,
  type RawTensor,
  rawGguf,
  rawSafetensors,
} from '../../packages/export/src/test-support/checkpoint-files.ts';
import { f32Tensors } from '../../packages/export/src/test-support/conversions.ts';
import { convertInMemory, memoryFolder, openInMemory } from '../support/bundle.ts';
import { readExpected, readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { captureCase, compareStages, failures } from '../support/parity-case.ts';
import { synthesizeFolder, synthesizeTensors } from '../support/synthesize.ts';

// Oracle: diffusers on the same weights in its own folder (test/reference/make_pipelines.py). The
// tests of the converter take each form alone.

const CASE = 'tall';
const fixture = await readPipelineFixture(readNodeFixture, 'c-2x128');
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** A component's tensors as files hold them. */
function tensorsOf(component: 'transformer' | 'text_encoder' | 'text_encoder_2' | 'vae'): Map<string, RawTensor> {
  const made = synthesizeTensors(component, fixture.components[component]!);
  const tensors = new Map(
    [...made].map(([name, { shape, data }]) => [name.replace(/^text_model\./, ''), { shape, values: data }] as const),
  );
  return f32Tensors(component === 'text_encoder' ? toOpenAiClip(tensors) : tensors);
}

/** In two parts, as llama-gguf-split cuts them, its matrices stored as rows of 256. */
function splitGguf(): Record<string, Uint8Array> {
  const shapes: Record<string, readonly number[]> = {};
  const stored = [...tensorsOf('transformer')].map(([name, tensor]): [string, RawTensor] => {
    const count = tensor.shape.reduce((product, dim) => product * dim, 1);
    if (tensor.shape.length !== 2 || count % 256 !== 0 || tensor.shape[1] === 256) return [name, tensor];
    shapes[`comfy.gguf.orig_shape.${name}`] = tensor.shape;
    return [name, { ...tensor, shape: [count / 256, 256] }];
  });
  expect(Object.keys(shapes).length).toBeGreaterThan(5);
  const part = (no: number, own: typeof stored) =>
    rawGguf(new Map(own), { ...shapes, 'split.no': no, 'split.count': 2, 'split.tensors.count': stored.length });
  return {
    'flux-00001-of-00002.gguf': part(0, stored.slice(0, 30)),
    'flux-00002-of-00002.gguf': part(1, stored.slice(30)),
  };
}

/** A variant's index, and shards whose names have spaces. */
async function spacedShards(): Promise<Record<string, Uint8Array>> {
  const tensors = [...tensorsOf('text_encoder_2')];
  const names = ['model copy 1.safetensors', 'model copy 2.safetensors'];
  const shard = (i: number) => tensors.filter((_, at) => at % 2 === i);
  const weight_map = Object.fromEntries(tensors.map(([name], at) => [name, names[at % 2]]));
  return {
    'model.safetensors.index.bf16.json': json({ metadata: {}, weight_map }),
    [names[0]!]: await rawSafetensors(new Map(shard(0))),
    [names[1]!]: await rawSafetensors(new Map(shard(1))),
  };
}

/** With `"__metadata__": null` in its header. */
async function nullMetadata(): Promise<Uint8Array> {
  const file = await rawSafetensors(tensorsOf('vae'));
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
  const text = json({ __metadata__: null, ...header });
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, BigInt(text.length), true);
  return Uint8Array.from([...size, ...text, ...file.subarray(8 + length)]);
}

it('files in every form that people have give the picture of diffusers', async () => {
  const folder = await synthesizeFolder(readNodeFixture, fixture);
  for (const path of [...folder.keys()]) if (path.endsWith('tokenizer_config.json')) folder.delete(path);
  const tokenizer = JSON.parse(new TextDecoder().decode(folder.get('tokenizer_2/tokenizer.json')));
  delete tokenizer.model.type;
  folder.set('tokenizer_2/tokenizer.json', json(tokenizer));
  const source = await combineSources({
    folder: memoryFolder(folder),
    files: {
      transformer: filesBeside(splitGguf(), 'flux-00001-of-00002.gguf'),
      text_encoder: filesBeside(
        { 'ViT-L-14.safetensors': await rawSafetensors(tensorsOf('text_encoder')) },
        'ViT-L-14.safetensors',
      ),
      text_encoder_2: filesBeside(await spacedShards(), 'model.safetensors.index.bf16.json'),
      vae: filesBeside({ 'ae.safetensors': await nullMetadata() }, 'ae.safetensors'),
    },
  });
  const bundle = await openInMemory(await convertInMemory(source, { dtype: 'f32' }));
  const running = await createPipeline({ bundle, backend: await createNodeBackend({ threads: 1 }) });
  try {
    const stages = await captureCase(running, fixture.cases.find(({ name }) => name === CASE)!);
    const expected = await readExpected(readNodeFixture, fixture.name, CASE);
    expect(failures(compareStages(stages, expected))).toEqual([]);
  } finally {
    await running.dispose();
  }
});
