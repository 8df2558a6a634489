import { FormatError } from '@flux-srpo/core';
import type { ByteSource } from '@flux-srpo/formats';
import { applyScales } from '../tensors/apply-scales.ts';
import { openTensorStore } from '../tensors/open-tensor-store.ts';
import { readValues, requireReadable } from '../tensors/tensor-store.ts';
import { elementCount } from './inspect-tensor-file.ts';

/** Float32 values read at a time. */
const PIECE_VALUES = 4 * 1024 * 1024;

export interface TensorValues {
  readonly dtype: string;
  /** Outermost first. */
  readonly shape: readonly number[];
  /** Row-major, as float32, in pieces; only this tensor is read. */
  pieces(signal?: AbortSignal): AsyncIterable<Float32Array>;
}

/**
 * The numbers of one tensor of a safetensors or GGUF file, multiplied by its own scale where the
 * file has one. Integers and F64 come as the nearest float32.
 */
export async function readTensor(file: ByteSource, name: string): Promise<TensorValues> {
  const raw = await openTensorStore(file);
  // Only this layer's companions: those of all layers may take hundreds of reads.
  const layer = `${name.replace(/\.weight$/, '')}.`;
  const own = [...raw.tensors].filter(([other]) => other === name || other.startsWith(layer));
  const scaled = await applyScales(file.name, { ...raw, tensors: new Map(own) });
  const store = scaled.store.tensors.has(name) ? scaled.store : raw;
  const tensor = store.tensors.get(name);
  if (tensor === undefined) {
    throw new FormatError(
      `${file.name}: expected a tensor "${name}", got none; "inspect" without --tensor lists them`,
      { code: 'format/tensor-missing', details: { name: file.name, tensor: name } },
    );
  }
  if (!store.roundable(name)) requireReadable(store, name, `${file.name}: ${name}`, { name: file.name });
  const count = elementCount(tensor.shape);
  return {
    ...tensor,
    async *pieces(signal) {
      for (let start = 0; start < count; start += PIECE_VALUES) {
        yield await readValues(store, name, start, Math.min(start + PIECE_VALUES, count), signal);
      }
    },
  };
}
