import { torchRandn } from '@flux-srpo/core';
import { bytesSink, writeSafetensors } from '@flux-srpo/formats';
import type { PipelineFixture, ReadFixture, SyntheticComponent, SyntheticTensor } from './fixture.ts';

/** Path → bytes of a diffusers pipeline folder. */
export type PipelineFolder = Map<string, Uint8Array>;

/** A component's tensors by name; they can be changed before they are written. */
export type Tensors = Map<string, { shape: number[]; data: Float32Array }>;

/** Called with each component's tensors before they are written, so that tests can plant errors. */
export type Tamper = (component: string, tensors: Tensors) => void;

const TOKENIZER_FILES = { clip: ['vocab.json', 'merges.txt'], t5: ['tokenizer.json'] } as const;

/**
 * The pipeline folder that diffusers ran, made again from names. Each tensor is mean + std ·
 * randn(shape) in float32; the CRC-32 of `component/name` seeds the generator.
 *
 * @see test/reference/synthesize.py
 */
export async function synthesizeFolder(
  read: ReadFixture,
  fixture: PipelineFixture,
  tamper: Tamper = () => {},
): Promise<PipelineFolder> {
  const folder: PipelineFolder = new Map();
  for (const [path, content] of Object.entries(fixture.files)) folder.set(path, json(content));
  for (const [folderName, kind] of Object.entries(fixture.tokenizers)) {
    for (const file of TOKENIZER_FILES[kind])
      folder.set(`${folderName}/${file}`, await read(`tokenizers/${kind}/${file}`));
  }
  for (const [component, description] of Object.entries(fixture.components)) {
    const tensors = synthesizeTensors(component, description);
    tamper(component, tensors);
    await addWeights(folder, component, description, tensors);
  }
  return folder;
}

export function synthesizeTensors(component: string, { tensors }: SyntheticComponent): Tensors {
  return new Map(tensors.map((tensor) => [tensor[0], { shape: tensor[1], data: synthesize(component, tensor) }]));
}

function synthesize(component: string, [name, shape, mean, std]: SyntheticTensor): Float32Array {
  const values = torchRandn(
    crc32(`${component}/${name}`),
    shape.reduce((a, b) => a * b, 1),
  );
  for (let i = 0; i < values.length; i++) values[i] = Math.fround(values[i]! * std) + mean;
  return values;
}

/** Writes one file, or shards with an index; shards take the tensors in turn. */
async function addWeights(
  folder: PipelineFolder,
  component: string,
  { file, shards }: SyntheticComponent,
  tensors: Tensors,
): Promise<void> {
  if (shards === 1) {
    folder.set(`${component}/${file}.safetensors`, await safetensors([...tensors]));
    return;
  }
  const weightMap: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const path = `${file}-${number(shard + 1)}-of-${number(shards)}.safetensors`;
    const own = [...tensors].filter((_, i) => i % shards === shard);
    for (const [name] of own) weightMap[name] = path;
    folder.set(`${component}/${path}`, await safetensors(own));
  }
  folder.set(`${component}/${file}.safetensors.index.json`, json({ metadata: {}, weight_map: weightMap }));
}

/** A file of tensors made from their names, such as a LoRA's. */
export function synthesizeFile(
  folder: string,
  tensors: readonly SyntheticTensor[],
  metadata: Record<string, string> = {},
): Promise<Uint8Array> {
  const made = tensors.map((tensor) => [tensor[0], { shape: tensor[1], data: synthesize(folder, tensor) }] as const);
  return safetensors(made, metadata);
}

/** `randn(size)`, seeded by a name. */
export function randnNamed(name: string, size: number): Float32Array {
  return torchRandn(crc32(name), size);
}

async function safetensors(
  tensors: readonly (readonly [string, { shape: number[]; data: Float32Array }])[],
  metadata: Record<string, string> = { format: 'pt' },
): Promise<Uint8Array> {
  const sink = bytesSink();
  const data = new Map(tensors);
  await writeSafetensors(
    sink,
    tensors.map(([name, { shape }]) => ({ name, dtype: 'F32', shape })),
    ({ name }) => new Uint8Array(data.get(name)!.data.buffer),
    metadata,
  );
  return sink.bytes();
}

/** CRC-32 as in zlib, bit by bit: names are short. */
function crc32(text: string): number {
  let crc = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

function number(value: number): string {
  return String(value).padStart(5, '0');
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
