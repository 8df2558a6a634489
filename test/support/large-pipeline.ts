import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { torchRandn } from '@flux-srpo/core';
import { GGML_TYPES, type GgmlTypeName, type TensorSpec, writeSafetensors } from '@flux-srpo/formats';
import { fileSink } from '@flux-srpo/formats/node';
import { type RawTensor, rawGguf } from '../../packages/export/src/test-support/checkpoint-files.ts';
import { type TransformerSizes, transformerShapes } from '../../packages/export/src/test-support/diffusers-shapes.ts';
import { tinyPipeline } from '../../packages/export/src/test-support/tiny-pipeline.ts';
import { f32ToBf16 } from './bf16.ts';
import { writeFiles } from './write-files.ts';

const HEAD_DIM = 128;

/** Bytes of one random piece, which is repeated: values do not change the speed. */
const PIECE = 4 * 1024 * 1024;

/**
 * Writes a diffusers folder whose transformer has bf16 weights, FLUX.1's width by default, and as
 * many blocks as fill the size. Double blocks have two thirds of the bytes, as in FLUX.1. The other
 * networks are tiny.
 *
 * @returns the transformer's file
 */
export async function writeLargePipeline(folder: string, bytes: number, hidden = 3072): Promise<string> {
  const sizes = largeSizes(bytes, hidden);
  const files = await tinyPipeline();
  const path = 'transformer/diffusion_pytorch_model.safetensors';
  const config = {
    ...JSON.parse(new TextDecoder().decode(files.get('transformer/config.json'))),
    attention_head_dim: HEAD_DIM,
    num_attention_heads: hidden / HEAD_DIM,
    axes_dims_rope: [16, 56, 56],
    num_layers: sizes.doubleBlocks,
    num_single_layers: sizes.singleBlocks,
  };
  files.set('transformer/config.json', new TextEncoder().encode(JSON.stringify(config)));
  files.delete(path);
  await writeFiles(folder, files);
  const piece = new Uint8Array(f32ToBf16(torchRandn(0, PIECE).map((value) => value * 0.02)).buffer);
  const sink = await fileSink(join(folder, path));
  const specs = [...transformerShapes(sizes)].map(([name, shape]): TensorSpec => ({ name, dtype: 'BF16', shape }));
  await writeSafetensors(sink, specs, function* ({ shape }) {
    const size = shape.reduce((product, dim) => product * dim, 2);
    for (let at = 0; at < size; at += piece.length) yield piece.subarray(0, Math.min(piece.length, size - at));
  });
  await sink.close();
  return join(folder, path);
}

/**
 * Writes the transformer of {@link writeLargePipeline} as GGUF: linear layers as random blocks of
 * `type`, biases, norms and rows that are no whole blocks as zeros in float32.
 *
 * @param bytes of the bf16 file of the same shapes
 */
export async function writeLargeGguf(path: string, type: GgmlTypeName, bytes: number, hidden = 3072): Promise<void> {
  const { length, bytes: blockBytes } = GGML_TYPES[type];
  const shapes = [...transformerShapes(largeSizes(bytes, hidden))];
  const countOf = (shape: readonly number[]) => shape.reduce((product, dim) => product * dim, 1);
  const blocks = new Uint8Array((Math.max(...shapes.map(([, shape]) => countOf(shape))) / length) * blockBytes);
  for (let at = 0; at < blocks.length; at++) blocks[at] = Math.imul(at, 0x9e3779b1) >>> 24;
  // The half floats at a block's start: 2⁻⁷, small enough for weights.
  const halves = type === 'Q4_1' || type === 'Q4_K' ? [0, 0x20, 0, 0x20] : [0, 0x20];
  for (let at = 0; at < blocks.length; at += blockBytes) blocks.set(halves, at);
  const tensors = shapes.map(([name, shape]): [string, RawTensor] => {
    const count = countOf(shape);
    if (shape.length === 2 && shape[1]! % length === 0) {
      return [name, { dtype: type, shape, bytes: blocks.subarray(0, (count / length) * blockBytes) }];
    }
    return [name, { dtype: 'F32', shape, bytes: new Uint8Array(4 * count) }];
  });
  await writeFile(path, rawGguf(new Map(tensors)));
}

function largeSizes(bytes: number, hidden: number): TransformerSizes {
  // hidden × hidden matrices: 36 in a double block, with its modulation, and 15 in a single one.
  const matrix = 2 * hidden * hidden;
  const doubleBlocks = Math.max(1, Math.round((bytes * 2) / 3 / (36 * matrix)));
  const singleBlocks = Math.max(1, Math.round((bytes - doubleBlocks * 36 * matrix) / (15 * matrix)));
  // The text widths are those of the tiny encoders.
  return { hidden, headDim: HEAD_DIM, doubleBlocks, singleBlocks, textWidth: 96, pooledWidth: 48 };
}
