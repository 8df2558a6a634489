import { type ElementType, fixInputs, withAccuracyLevel, withWideBlocks } from '@flux-srpo/formats/onnx';
import type { InferenceSession, Tensor } from 'onnxruntime-common';
import { toWideBlocks, WIDE } from './wide-blocks.ts';

/**
 * How quantized products are computed. 0: in float32. 4: activations are rounded to 8 bits, which
 * is a quarter faster and moves what a block adds by up to 8e-3 of its size. `4-wide`: 4-bit
 * weights become 8 bits in larger blocks too, which takes two thirds of the time of 4, twice the
 * memory, and moves it by up to 2e-2.
 */
export type AccuracyLevel = 0 | 4 | '4-wide';

/**
 * How many times its weights' bytes a session with them inside takes: blocks and T5 layers of
 * FLUX.1's width in q4 and q4m, by the process's resident memory.
 */
export const PACKED_SIZES: Readonly<Record<AccuracyLevel, number>> = { 0: 1.15, 4: 1.5, '4-wide': 2.4 };

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

/** A graph whose weights are to be inside, and these weights by input. */
interface Unpacked {
  readonly graph: Uint8Array;
  readonly weights: Readonly<Record<string, Weight>>;
}

interface Weight {
  readonly dtype: ElementType;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
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
  const wide = level === '4-wide' ? widened(graph, weights) : { graph, weights: mapValues(weights, weightOf) };
  const entries = Object.entries(wide.weights);
  const fixed = fixInputs(
    wide.graph,
    entries.map(([name, { dtype, dims }]) => ({ name, dtype, dims })),
  );
  return {
    model: level === 0 ? fixed : withAccuracyLevel(fixed, 4),
    options: {
      externalData: entries.map(([path, { bytes }]) => ({ path, data: bytes })),
      // An arena would be the session's own, and keep the work buffers of every part.
      enableCpuMemArena: false,
      enableMemPattern: false,
    },
  };
}

/** With 4-bit products in 8 bits, in larger blocks. Those of half precision stay. */
function widened(graph: Uint8Array, tensors: Readonly<Record<string, Tensor>>): Unpacked {
  const { model, layers } = withWideBlocks(graph, WIDE, ({ scales }) => tensors[scales]?.type === 'float32');
  const weights = mapValues(tensors, weightOf);
  for (const { weight, scales, N, K } of layers) {
    const wide = toWideBlocks(weights[weight]!.bytes, tensors[scales]!.data as Float32Array, N, K);
    const blocks = Math.ceil(K / WIDE);
    weights[weight] = { dtype: 'uint8', dims: [N, blocks, WIDE], bytes: wide.codes };
    weights[scales] = { dtype: 'float32', dims: [N, blocks], bytes: new Uint8Array(wide.scales.buffer) };
  }
  return { graph: model, weights };
}

function weightOf({ type, dims, data }: Tensor): Weight {
  const { buffer, byteOffset, byteLength } = data as Float32Array;
  return { dtype: type as ElementType, dims, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
}

function mapValues<From, To>(values: Readonly<Record<string, From>>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}
