import { torchRandn } from '@flux-srpo/core';
import { f32ToF16, GGML_TYPES } from '@flux-srpo/formats';
import { bflTransformerNames, toBfl, toBflVae, toLlamaT5 } from '../../packages/export/src/test-support/bfl.ts';
import { type RawTensor, rawGguf, rawSafetensors } from '../../packages/export/src/test-support/checkpoint-files.ts';
import {
  clipShapes,
  type Shapes,
  t5Shapes,
  transformerShapes,
  vaeShapes,
} from '../../packages/export/src/test-support/diffusers-shapes.ts';
import type { Tensor } from '../../packages/export/src/test-support/tiny-pipeline.ts';
import type { ReadFixture } from './fixture.ts';
import { memoryFile, type StandInHub } from './hub.ts';

/**
 * A model of FLUX.1's kind, small, with random weights, in the files that the recipe `srpo-q4`
 * names: the transformer and T5 as GGUF in Q4_K, CLIP and the VAE as safetensors in half floats.
 */

/** Widths that blocks of 256 fill, and FLUX.1's width of heads, which a file does not tell. */
const SIZES = { hidden: 256, headDim: 128, doubleBlocks: 2, singleBlocks: 2, textWidth: 256, pooledWidth: 64 };
/** Vocabularies of the fixtures' tokenizers. */
const T5 = t5Shapes({ vocab: 320, width: 256, inner: 256, heads: 4, ff: 512, layers: 2 });
const CLIP = clipShapes('text_model.', { vocab: 674, width: 64, ff: 128, layers: 2, positions: 77 });
/** GroupNorm has 32 groups. */
const VAE = vaeShapes([32, 32, 32, 32]);

/** Puts the files where `srpo-q4` looks for them first. */
export async function putSmallFlux(hub: StandInHub, readFixture: ReadFixture): Promise<void> {
  const transformer = random(transformerShapes(SIZES), 1);
  const put = (path: string, bytes: Uint8Array, isLarge = true) => hub.files.set(path, memoryFile(bytes, isLarge));
  put('befox/SRPO-GGUF/srpo-Q4_K.gguf', gguf(toBfl(bflTransformerNames(SIZES), transformer)));
  put('city96/t5-v1_1-xxl-encoder-gguf/t5-v1_1-xxl-encoder-Q4_K_M.gguf', gguf(toLlamaT5(random(T5, 1000))));
  put('comfyanonymous/flux_text_encoders/clip_l.safetensors', await rawSafetensors(halves(random(CLIP, 2000))));
  put(
    'Comfy-Org/Lumina_Image_2.0_Repackaged/split_files/vae/ae.safetensors',
    await rawSafetensors(halves(toBflVae(random(VAE, 3000)))),
  );
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const clip = 'openai/clip-vit-large-patch14';
  for (const name of ['vocab.json', 'merges.txt']) {
    put(`${clip}/${name}`, await readFixture(`tokenizers/clip/${name}`), false);
  }
  put(
    `${clip}/tokenizer_config.json`,
    json({
      tokenizer_class: 'CLIPTokenizer',
      model_max_length: 77,
      bos_token: '<|startoftext|>',
      eos_token: '<|endoftext|>',
      pad_token: '<|endoftext|>',
      unk_token: '<|endoftext|>',
    }),
    false,
  );
  put('google/t5-v1_1-xxl/spiece.model', await readFixture('tokenizers/spiece/spiece.model'), false);
}

/** Norms near 1, biases near 0, and what keeps a linear layer's variance. */
function random(shapes: Shapes, seed: number): Map<string, Tensor> {
  return new Map(
    [...shapes].map(([name, shape], i) => {
      const fanIn = shape.slice(1).reduce((product, dim) => product * dim, 1);
      const isNorm = shape.length === 1 && name.endsWith('.weight');
      const scale = shape.length === 1 ? 0.05 : 1 / Math.sqrt(fanIn);
      const values = torchRandn(seed + i, shape[0]! * fanIn).map((value) => value * scale + (isNorm ? 1 : 0));
      return [name, { shape, values }];
    }),
  );
}

function halves(tensors: ReadonlyMap<string, Tensor>): Map<string, RawTensor> {
  return new Map(
    [...tensors].map(([name, { shape, values }]) => [name, { dtype: 'F16', shape, bytes: bytesOf(f32ToF16(values)) }]),
  );
}

/** Matrices in Q4_K where their rows are whole blocks, all else as floats. */
function gguf(tensors: ReadonlyMap<string, Tensor>): Uint8Array {
  const { length } = GGML_TYPES.Q4_K;
  return rawGguf(
    new Map(
      [...tensors].map(([name, { shape, values }]): [string, RawTensor] => {
        if (shape.length === 2 && shape[1]! % length === 0 && !/embd|rel_b/.test(name)) {
          return [name, { dtype: 'Q4_K', shape, bytes: q4k(values) }];
        }
        return [name, { dtype: 'F32', shape, bytes: bytesOf(values) }];
      }),
    ),
  );
}

/** One scale and one offset a block, which the format allows: d · q − dmin, q from 0 to 15. */
function q4k(values: Float32Array): Uint8Array {
  const { bytes, length } = GGML_TYPES.Q4_K;
  const blocks = values.length / length;
  const out = new Uint8Array(blocks * bytes);
  const view = new DataView(out.buffer);
  for (let block = 0; block < blocks; block++) {
    const own = values.subarray(block * length, (block + 1) * length);
    const most = own.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const [d, dmin] = f32ToF16(Float32Array.of((2 * most) / 15, most));
    const at = block * bytes;
    view.setUint16(at, d!, true);
    view.setUint16(at + 2, dmin!, true);
    // Eight scales and eight offsets of 6 bits, all of them 1.
    out.set([1, 1, 1, 1, 1, 1, 1, 1, 0x11, 0x11, 0x11, 0x11], at + 4);
    for (let i = 0; i < length; i++) {
      const code = Math.min(15, Math.max(0, Math.round(((own[i]! + most) / (2 * most)) * 15)));
      // Of 64 weights the first 32 are low nibbles, the others high ones.
      out[at + 16 + 32 * Math.floor(i / 64) + (i % 32)]! |= code << (i % 64 < 32 ? 0 : 4);
    }
  }
  return out;
}

function bytesOf(values: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
