import { type Dtype, GGML_TYPES, type GgmlTypeName, planSafetensors } from '@flux-srpo/formats';
import { bflShapes, bflTransformerNames, toBflVae, toLlamaT5 } from '../../packages/export/src/test-support/bfl.ts';
import {
  clipShapes,
  FLUX1_SIZES,
  type Shapes,
  type TransformerSizes,
  t5Shapes,
  transformerShapes,
  vaeShapes,
} from '../../packages/export/src/test-support/diffusers-shapes.ts';
import type { Tensor } from '../../packages/export/src/test-support/tiny-pipeline.ts';
import type { HubFile } from './hub.ts';

/** FLUX.1 [dev]'s files at their full size: true headers, and zeros that nobody stores. */

const T5 = t5Shapes({ vocab: 32128, width: 4096, inner: 4096, heads: 64, ff: 10240, layers: 24 });
const CLIP = clipShapes('text_model.', { vocab: 49408, width: 768, ff: 3072, layers: 12, positions: 77 });
const VAE = renamed(vaeShapes([128, 256, 512, 512], 2), toBflVae);

/** What city96's converter leaves wide: https://github.com/city96/ComfyUI-GGUF/blob/795e451/tools/convert.py */
const KEPT_WIDE = /^(img_in|txt_in|time_in|vector_in|guidance_in|final_layer)\./;

/** @param sizes may have fewer blocks than FLUX.1 */
export function sparseTransformer(
  dtype: 'F32' | 'BF16' | 'Q4_0' | 'Q4_K' | 'Q8_0',
  sizes: TransformerSizes = FLUX1_SIZES,
): HubFile {
  const shapes = transformerShapes(sizes);
  if (dtype === 'F32') return sparseSafetensors(shapes, dtype);
  const bfl = bflShapes(bflTransformerNames(sizes), shapes);
  if (dtype === 'BF16') return sparseSafetensors(bfl, dtype);
  return sparseGguf(bfl, (name, shape) => (shape.length === 1 ? 'F32' : KEPT_WIDE.test(name) ? 'F16' : dtype));
}

export function sparseT5(dtype: 'F16' | 'Q4_0' | 'Q4_K' | 'Q8_0'): HubFile {
  if (dtype === 'F16') return sparseSafetensors(T5, dtype);
  return sparseGguf(renamed(T5, toLlamaT5), (name, shape) => {
    if (shape.length === 1) return 'F32';
    return name === 'enc.blk.0.attn_rel_b.weight' ? 'F16' : dtype;
  });
}

export const sparseClip = (): HubFile => sparseSafetensors(CLIP, 'F16');
export const sparseVae = (): HubFile => sparseSafetensors(VAE, 'F32');

/** Tokenizers that know no words, of the right kind and with FLUX.1's ids for the ends. */
export const EMPTY_TOKENIZERS: Readonly<Record<string, unknown>> = {
  'vocab.json': { '<|startoftext|>': 49406, '<|endoftext|>': 49407 },
  'merges.txt': '#version: 0.2\n',
  'clip/tokenizer_config.json': { tokenizer_class: 'CLIPTokenizer', model_max_length: 77 },
  'tokenizer.json': { model: { type: 'Unigram', unk_id: 2, vocab: [['<pad>', 0]] } },
  // A Unigram model of one piece, as protobuf.
  'spiece.model': '\n\x06\n\x04</s>\x12\0',
  't5/tokenizer_config.json': { tokenizer_class: 'T5TokenizerFast', model_max_length: 512 },
};

function sparseSafetensors(shapes: Shapes, dtype: Dtype): HubFile {
  const { header, size } = planSafetensors([...shapes].map(([name, shape]) => ({ name, dtype, shape })));
  return sparse(header, size);
}

/** @see https://github.com/ggml-org/ggml/blob/d99724f2/docs/gguf.md */
function sparseGguf(shapes: Shapes, typeOf: (name: string, shape: readonly number[]) => GgmlTypeName): HubFile {
  const header: number[] = [...new TextEncoder().encode('GGUF')];
  const number = (value: number, bytes: number) => {
    for (let i = 0; i < bytes; i++) header.push(Math.floor(value / 2 ** (8 * i)) % 256);
  };
  const align = (length: number) => Math.ceil(length / 32) * 32;
  number(3, 4);
  number(shapes.size, 8);
  number(0, 8);
  let at = 0;
  for (const [name, shape] of shapes) {
    const { id, bytes, length } = GGML_TYPES[typeOf(name, shape)];
    number(name.length, 8);
    header.push(...new TextEncoder().encode(name));
    number(shape.length, 4);
    for (const dim of [...shape].reverse()) number(dim, 8);
    number(id, 4);
    number(at, 8);
    at += align((shape.reduce((product, dim) => product * dim, 1) / length) * bytes);
  }
  const padded = new Uint8Array(align(header.length));
  padded.set(header);
  return sparse(padded, padded.length + at);
}

function sparse(header: Uint8Array, size: number): HubFile {
  return {
    size,
    read(start, end) {
      const bytes = new Uint8Array(end - start);
      bytes.set(header.subarray(start, end));
      return bytes;
    },
  };
}

function renamed(shapes: Shapes, rename: (tensors: ReadonlyMap<string, Tensor>) => Map<string, Tensor>): Shapes {
  const tensors = new Map([...shapes].map(([name, shape]) => [name, { shape, values: new Float32Array() }]));
  return new Map([...rename(tensors)].map(([name, { shape }]) => [name, shape]));
}
