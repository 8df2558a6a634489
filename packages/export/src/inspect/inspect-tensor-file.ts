import { type ByteSource, Gguf, type GgufValue } from '@flux-srpo/formats';
import { readTensorFile } from '../tensors/open-tensor-store.ts';

/** What is in a safetensors or GGUF file, as plain data. */
export interface TensorFileReport {
  name: string;
  format: 'safetensors' | 'gguf';
  /** Of the file. */
  bytes: number;
  metadata: Record<string, string>;
  /** In the order of their data. */
  tensors: { name: string; dtype: string; shape: number[]; bytes: number }[];
  dtypes: Record<string, { tensors: number; elements: number; bytes: number }>;
}

/** Reads the header only. */
export async function inspectTensorFile(file: ByteSource): Promise<TensorFileReport> {
  const { format, metadata, tensors } = await readHeader(file);
  const dtypes: TensorFileReport['dtypes'] = {};
  for (const { dtype, shape, bytes } of tensors) {
    dtypes[dtype] ??= { tensors: 0, elements: 0, bytes: 0 };
    dtypes[dtype].tensors += 1;
    dtypes[dtype].elements += elementCount(shape);
    dtypes[dtype].bytes += bytes;
  }
  return { name: file.name, format, bytes: file.size, metadata, tensors, dtypes };
}

async function readHeader(file: ByteSource): Promise<Pick<TensorFileReport, 'format' | 'metadata' | 'tensors'>> {
  const header = await readTensorFile(file);
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
