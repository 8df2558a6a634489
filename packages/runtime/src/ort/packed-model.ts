import { type ElementType, type FixedInput, fixInputs, withAccuracyLevel } from '@flux-srpo/formats/onnx';
import type { InferenceSession, Tensor } from 'onnxruntime-common';

/**
 * How quantized products are computed. 0: in float32. 4: activations are rounded to 8 bits, which
 * is a quarter faster and moves what a block adds by up to 8e-3 of its size.
 */
export type AccuracyLevel = 0 | 4;

/**
 * How many times its weights' bytes a session with them inside takes: blocks and T5 layers of
 * FLUX.1's width in q4 and q4m, by the process's resident memory.
 */
export const PACKED_SIZES: Readonly<Record<AccuracyLevel, number>> = { 0: 1.15, 4: 1.5 };

/** How the parts of a backend's stages get their weights inside. */
export interface Packing {
  readonly pack: (graph: Uint8Array, weights: Readonly<Record<string, Tensor>>) => PackedModel;
  /** How many times its weights' bytes a session takes. */
  readonly size: number;
}

/** A model, and what its session is made with besides the usual. */
export interface PackedModel {
  readonly model: Uint8Array;
  readonly options: InferenceSession.SessionOptions;
}

/**
 * A graph with its weights inside, for a session that serves one part. onnxruntime-node arranges
 * constant weights for its kernels once, and weights that are fed anew at each run.
 *
 * @param weights by input. Their memory is copied while the session is made, and not used after
 */
export function packedModel(
  graph: Uint8Array,
  weights: Readonly<Record<string, Tensor>>,
  level: AccuracyLevel,
): PackedModel {
  const inputs = Object.entries(weights).map(
    ([name, { type, dims }]): FixedInput => ({ name, dtype: type as ElementType, dims }),
  );
  const fixed = fixInputs(graph, inputs);
  return {
    model: level === 0 ? fixed : withAccuracyLevel(fixed, level),
    options: {
      externalData: Object.entries(weights).map(([path, tensor]) => ({ path, data: bytesOf(tensor) })),
      // An arena would be the session's own, and keep the work buffers of every part.
      enableCpuMemArena: false,
      enableMemPattern: false,
    },
  };
}

function bytesOf({ data }: Tensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = data as Float32Array;
  return new Uint8Array(buffer, byteOffset, byteLength);
}
