import type { Acceleration } from '@flux-srpo/core';
import { bytesSource, type Dtype, readSafetensors } from '@flux-srpo/formats';

/** Reads a file of test/fixtures; from disk in Node, by URL in a browser. */
export type ReadFixture = (path: string) => Promise<Uint8Array>;

/** One generation that diffusers ran. */
export interface ParityCase {
  name: string;
  prompt: string;
  width: number;
  height: number;
  steps: number;
  guidance: number;
  seed: number;
  n: number;
  max_sequence_length: number;
  acceleration?: Acceleration;
}

/** `[name, shape, mean, std]` */
export type SyntheticTensor = [name: string, shape: number[], mean: number, std: number];

export interface SyntheticComponent {
  /** Name of the safetensors file, without extension. */
  file: string;
  shards: number;
  /** SHA-256 of all values, in the order of `tensors`. */
  sha256: string;
  tensors: SyntheticTensor[];
}

/** `pipeline.json`, written by test/reference/make_pipelines.py. */
export interface PipelineFixture {
  name: string;
  /** Folder of the pipeline → folder under fixtures/tokenizers. */
  tokenizers: Record<'tokenizer' | 'tokenizer_2', 'clip' | 't5'>;
  /** Contents of the JSON files, by path. */
  files: Record<string, Record<string, unknown>>;
  components: Record<string, SyntheticComponent>;
  cases: ParityCase[];
}

export const PIPELINES = ['a-3x32', 'b-2x64', 'c-2x128'] as const;
export type PipelineName = (typeof PIPELINES)[number];

export async function readPipelineFixture(read: ReadFixture, name: PipelineName): Promise<PipelineFixture> {
  return JSON.parse(new TextDecoder().decode(await read(`pipelines/${name}/pipeline.json`))) as PipelineFixture;
}

export type TensorArray = Float32Array | Int32Array | Uint8Array;

export interface ExpectedTensor {
  shape: readonly number[];
  data: TensorArray;
}

/** A safetensors fixture, whole. */
export async function readTensors(read: ReadFixture, path: string): Promise<Map<string, ExpectedTensor>> {
  const file = await readSafetensors(bytesSource(await read(path), path));
  const tensors = new Map<string, ExpectedTensor>();
  for (const [name, { dtype, shape }] of file.tensors) {
    tensors.set(name, { shape, data: view(dtype, await file.read(name)) });
  }
  return tensors;
}

/**
 * What diffusers computed at every stage of a case. test/reference/README.md has names and shapes.
 */
export function readExpected(read: ReadFixture, pipeline: string, name: string): Promise<Map<string, ExpectedTensor>> {
  return readTensors(read, `pipelines/${pipeline}/cases/${name}.safetensors`);
}

function view(dtype: Dtype, { buffer }: Uint8Array<ArrayBuffer>): TensorArray {
  if (dtype === 'F32') return new Float32Array(buffer);
  if (dtype === 'I32') return new Int32Array(buffer);
  if (dtype === 'U8') return new Uint8Array(buffer);
  throw new Error(`fixtures hold F32, I32 and U8, got ${dtype}`);
}
