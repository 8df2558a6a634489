import { ModelError } from '@flux-srpo/core';
import {
  bytesSink,
  bytesSource,
  type Dtype,
  GGML_TYPES,
  type GgmlTypeName,
  writeSafetensors,
} from '@flux-srpo/formats';
import type { SourceFile } from '../sources/combine-sources.ts';

/** A tensor as a file holds it. */
export interface RawTensor {
  dtype: string;
  /** Outermost first. */
  shape: readonly number[];
  bytes: Uint8Array;
}

export function sourceFile(name: string, bytes: Uint8Array): SourceFile {
  return { name, open: async () => bytesSource(bytes, name) };
}

/** A file and those beside it, as on a disk. */
export function filesBeside(files: Readonly<Record<string, Uint8Array>>, name: string): SourceFile {
  return {
    name,
    async open() {
      if (files[name] !== undefined) return await sourceFile(name, files[name]).open();
      throw new ModelError(`${name} is not there`, { code: 'model/not-found' });
    },
    beside: (other) => filesBeside(files, other),
  };
}

export async function rawSafetensors(
  tensors: ReadonlyMap<string, RawTensor>,
  metadata?: Record<string, string>,
): Promise<Uint8Array> {
  const sink = bytesSink();
  const specs = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype: dtype as Dtype, shape }));
  await writeSafetensors(sink, specs, ({ name }) => tensors.get(name)!.bytes, metadata);
  return sink.bytes();
}

/** A GGUF file with whole numbers and lists of such as metadata, aligned to 32. */
export function rawGguf(
  tensors: ReadonlyMap<string, RawTensor>,
  metadata: Readonly<Record<string, number | readonly number[]>> = {},
): Uint8Array {
  const header: number[] = [];
  const number = (value: number | bigint, bytes: number) => {
    for (let i = 0; i < bytes; i++) header.push(Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));
  };
  const align = (length: number) => Math.ceil(length / 32) * 32;
  header.push(...new TextEncoder().encode('GGUF'));
  number(3, 4);
  number(tensors.size, 8);
  number(Object.keys(metadata).length, 8);
  for (const [key, value] of Object.entries(metadata)) {
    number(key.length, 8);
    header.push(...new TextEncoder().encode(key));
    // 4 is a uint32, 9 a list, 5 an int32.
    if (typeof value === 'number') {
      number(4, 4);
      number(value, 4);
    } else {
      number(9, 4);
      number(5, 4);
      number(value.length, 8);
      for (const item of value) number(item, 4);
    }
  }
  let at = 0;
  for (const [name, { dtype, shape, bytes }] of tensors) {
    number(name.length, 8);
    header.push(...new TextEncoder().encode(name));
    number(shape.length, 4);
    for (const dim of [...shape].reverse()) number(dim, 8);
    number(GGML_TYPES[dtype as GgmlTypeName].id, 4);
    number(at, 8);
    at += align(bytes.length);
  }
  const out = new Uint8Array(align(header.length) + at);
  out.set(header);
  at = align(header.length);
  for (const { bytes } of tensors.values()) {
    out.set(bytes, at);
    at += align(bytes.length);
  }
  return out;
}
