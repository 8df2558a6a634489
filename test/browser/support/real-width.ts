import { FLUX1_DEV, type Grid, hiddenSize, type Precision, ropeTables } from '@flux-srpo/core';
import { buildGraph, type ClassOf } from '@flux-srpo/export';
import { f32ToF16 } from '@flux-srpo/formats';
import type { DeviceTensor, HostTensor, Stage } from '@flux-srpo/runtime';

/*
 * One block of FLUX.1 at its real width (3072, 24 heads of 128) with random int4 weights, which are
 * the same in every runtime. Weights are uploaded while they are made: a double block has 142 MB.
 */

export type RealBlock = 'double_block' | 'single_block';

export interface RealShape {
  grid: Grid;
  textTokens: number;
}

/**
 * The fewest tokens that use the kernels of large pictures: with fewer than 32 queries attention
 * takes another path.
 */
const SMALLEST: RealShape = { grid: { height: 4, width: 8 }, textTokens: 32 };

const WIDTH = hiddenSize(FLUX1_DEV.transformer);
const PIECE_BYTES = 1 << 20;

const Q4: ClassOf = (slot) => (slot.kind === 'linear' ? 'q4' : 'f32');

/** @see Marsaglia, "Xorshift RNGs", 2003: the 32-bit generator (13, 17, 5) */
function xorshift(seed: number): () => number {
  let x = seed | 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

/** Random numbers, uniform in [−1, 1). */
function uniform(seed: number, count: number): Float32Array {
  const next = xorshift(seed);
  return Float32Array.from({ length: count }, () => next() / 2 ** 31 - 1);
}

function seedOf(name: string): number {
  return [...name].reduce((hash, letter) => (Math.imul(hash, 31) + letter.charCodeAt(0)) | 0, 7);
}

function feed(name: string, dims: number[], scale = 1, offset = 0): HostTensor {
  const count = dims.reduce((a, b) => a * b, 1);
  return { dtype: 'float32', dims, data: uniform(seedOf(name), count).map((x) => offset + scale * x) };
}

function dataInputs(block: RealBlock, { grid, textTokens }: RealShape): Record<string, HostTensor> {
  const imageTokens = grid.height * grid.width;
  const tables = (unturned: number): Record<string, HostTensor> => {
    const { cos, sin } = ropeTables(grid, FLUX1_DEV.transformer.axes_dims_rope, { textTokens: unturned });
    const dims = [1, unturned + imageTokens, 64];
    return {
      rope_cos: { dtype: 'float32', dims, data: cos },
      rope_sin: { dtype: 'float32', dims, data: sin },
    };
  };
  if (block === 'single_block') {
    return {
      hidden: feed('hidden', [1, textTokens + imageTokens, WIDTH]),
      mod: feed('mod', [3 * WIDTH], 0.5, 0.5),
      ...tables(textTokens),
    };
  }
  return {
    img: feed('img', [1, imageTokens, WIDTH]),
    txt: feed('txt', [1, textTokens, WIDTH]),
    img_mod: feed('img_mod', [6 * WIDTH], 0.5, 0.5),
    txt_mod: feed('txt_mod', [6 * WIDTH], 0.5, 0.5),
    ...tables(0),
  };
}

/** A block with its weights and inputs on the device. */
export interface LoadedBlock {
  /** Runs it. The caller disposes the outputs, which are on the device. */
  run(): Promise<Record<string, DeviceTensor>>;
  /** Bytes of the weights on the device. */
  weightBytes: number;
  dispose(): void;
}

export async function loadRealBlock(
  stage: Stage,
  block: RealBlock,
  shape: RealShape = SMALLEST,
  precision: Precision = 'f32',
): Promise<LoadedBlock> {
  const { bytes, weights } = buildGraph(block, FLUX1_DEV, Q4, precision);
  const session = await stage.session(`${block} ${precision}`, async () => bytes);
  const placed: Record<string, DeviceTensor> = {};
  let weightBytes = 0;
  for (const { name, dtype, dims } of weights) {
    const count = dims.reduce((a, b) => a * b, 1);
    const next = xorshift(seedOf(name));
    placed[name] = await stage.upload(dtype, dims, async (write) => {
      if (dtype === 'uint8') {
        for (let at = 0; at < count; at += PIECE_BYTES) {
          const words = Uint32Array.from({ length: Math.min(PIECE_BYTES, count - at) / 4 }, next);
          write(at, new Uint8Array(words.buffer));
        }
        return;
      }
      const values = uniform(seedOf(name), count).map((x) => floatWeight(name, x));
      write(0, new Uint8Array(dtype === 'float16' ? f32ToF16(values).buffer : values.buffer));
    });
    weightBytes += placed[name].bytes;
  }
  for (const [name, { dtype, dims, data }] of Object.entries(dataInputs(block, shape))) {
    placed[name] = await stage.upload(dtype, dims, async (write) =>
      write(0, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
    );
  }
  return {
    run: () => stage.run(session, placed),
    weightBytes,
    dispose() {
      for (const tensor of Object.values(placed)) tensor.dispose();
    },
  };
}

/** Runs the block once in `stage` and returns its outputs, row-major. */
export async function runRealBlock(
  stage: Stage,
  block: RealBlock,
  precision?: Precision,
): Promise<Record<string, Float32Array>> {
  const loaded = await loadRealBlock(stage, block, SMALLEST, precision);
  const outputs = await loaded.run();
  const result: Record<string, Float32Array> = {};
  for (const [name, tensor] of Object.entries(outputs)) {
    result[name] = await stage.read(tensor);
    tensor.dispose();
  }
  loaded.dispose();
  return result;
}

/**
 * A scale that keeps activations near 1: random nibbles have a deviation of 4.6, so 1/(4.6·√K)
 * gives a linear of gain 1.
 */
function floatWeight(name: string, x: number): number {
  if (name.endsWith('.scales')) return (1 + 0.2 * x) / (4.6 * Math.sqrt(WIDTH));
  if (name.endsWith('.bias')) return 0.1 * x;
  return 1 + 0.1 * x;
}
