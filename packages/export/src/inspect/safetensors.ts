import { type ByteSource, readSafetensors } from '@flux-srpo/formats';

/** What is in a safetensors file, as plain data. */
export interface SafetensorsReport {
  name: string;
  /** Of the file. */
  bytes: number;
  metadata: Record<string, string>;
  /** In the order of their data. */
  tensors: { name: string; dtype: string; shape: number[]; bytes: number }[];
  dtypes: Record<string, { tensors: number; elements: number; bytes: number }>;
}

/** Reads the header only. */
export async function inspectSafetensors(file: ByteSource): Promise<SafetensorsReport> {
  const { metadata, tensors } = await readSafetensors(file);
  const dtypes: SafetensorsReport['dtypes'] = {};
  const listed = [...tensors].map(([name, { dtype, shape, bytes }]) => {
    dtypes[dtype] ??= { tensors: 0, elements: 0, bytes: 0 };
    dtypes[dtype].tensors += 1;
    dtypes[dtype].elements += elementCount(shape);
    dtypes[dtype].bytes += bytes;
    return { name, dtype, shape: [...shape], bytes };
  });
  return { name: file.name, bytes: file.size, metadata: Object.fromEntries(metadata), tensors: listed, dtypes };
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}
