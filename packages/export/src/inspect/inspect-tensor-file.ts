import { isFluxError } from '@flux-srpo/core';
import { type ByteSource, Gguf, type GgufValue, type Safetensors } from '@flux-srpo/formats';
import { refuseOtherNetwork } from '../recognise/recognise.ts';
import type { SourceFile } from '../sources/combine-sources.ts';
import { missingParts, partsOf } from '../sources/split-files.ts';
import { readTensorFile, storeOf } from '../tensors/open-tensor-store.ts';
import type { TensorStore } from '../tensors/tensor-store.ts';

/** What is in a safetensors or GGUF file, as plain data. */
export interface TensorFileReport {
  name: string;
  format: 'safetensors' | 'gguf';
  /** Of the file. */
  bytes: number;
  /** What the file is and what to use in its place, where it is of a kind that is not converted. */
  refused?: string;
  /** Of a GGUF file that was cut into parts. */
  split?: {
    /** From 1. */
    part: number;
    parts: number;
    /** Names of the parts that are not beside it. */
    missing: string[];
  };
  metadata: Record<string, string>;
  /** In the order of their data. */
  tensors: { name: string; dtype: string; shape: number[]; bytes: number }[];
  dtypes: Record<string, { tensors: number; elements: number; bytes: number }>;
}

/**
 * Reads the header only.
 * @param beside opens another file of the folder, where the folder can be reached
 */
export async function inspectTensorFile(file: ByteSource, beside?: SourceFile['beside']): Promise<TensorFileReport> {
  const header = await readTensorFile(file);
  const { format, metadata, tensors } = describeHeader(header);
  const dtypes: TensorFileReport['dtypes'] = {};
  for (const { dtype, shape, bytes } of tensors) {
    dtypes[dtype] ??= { tensors: 0, elements: 0, bytes: 0 };
    dtypes[dtype].tensors += 1;
    dtypes[dtype].elements += elementCount(shape);
    dtypes[dtype].bytes += bytes;
  }
  const found = await judge(file.name, storeOf(header), beside);
  return { name: file.name, format, bytes: file.size, ...found, metadata, tensors, dtypes };
}

/** What keeps the file from being converted, as far as its header and folder show it. */
async function judge(
  name: string,
  store: TensorStore,
  beside: SourceFile['beside'],
): Promise<Pick<TensorFileReport, 'refused' | 'split'>> {
  try {
    refuseOtherNetwork(name, store);
    const paths = partsOf(name, store);
    if (paths.length === 1 || beside === undefined) return {};
    const others = paths.filter((path) => path !== name);
    const missing = await missingParts({ open: (path) => beside(path).open() }, others);
    return { split: { part: paths.indexOf(name) + 1, parts: paths.length, missing } };
  } catch (error) {
    if (!isFluxError(error, 'input/')) throw error;
    return { refused: error.message };
  }
}

function describeHeader(header: Gguf | Safetensors): Pick<TensorFileReport, 'format' | 'metadata' | 'tensors'> {
  if (header instanceof Gguf) {
    const { metadata, tensors } = header;
    return {
      format: 'gguf',
      metadata: Object.fromEntries([...metadata].map(([key, value]) => [key, valueText(value)])),
      tensors: [...tensors].map(([name, { type, shape, bytes }]) => ({ name, dtype: type, shape: [...shape], bytes })),
    };
  }
  const { metadata, tensors } = header;
  return {
    format: 'safetensors',
    metadata: Object.fromEntries(metadata),
    tensors: [...tensors].map(([name, { dtype, shape, bytes }]) => ({ name, dtype, shape: [...shape], bytes })),
  };
}

function valueText(value: GgufValue): string {
  return typeof value === 'object' ? `${value.length} × ${value.type}` : String(value);
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}
