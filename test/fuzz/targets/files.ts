import { FLUX1_DEV } from '@flux-srpo/core';
import {
  type ByteSource,
  bytesSource,
  GGML_TYPES,
  parseSentencePieces,
  readGguf,
  readSafetensors,
} from '@flux-srpo/formats';
import { planParts } from '../../../packages/export/src/graphs/index.ts';
import { mergeLoras } from '../../../packages/export/src/lora/merge-loras.ts';
import { openLoras } from '../../../packages/export/src/lora/open-loras.ts';
import { Charsmap } from '../../../packages/runtime/src/text/charsmap.ts';
import { type FuzzTarget, isRead, read, require } from './target.ts';

/** 64 MiB: no header may make a reader take so much. */
const MAX_READ_BYTES = 64 * 1024 * 1024;

/** The bytes, then a terabyte of zeros, so that the end of the file catches no wrong length. */
function endless(bytes: Uint8Array): ByteSource {
  let taken = 0;
  return {
    name: 'fuzz',
    size: 2 ** 40,
    async read(offset, length) {
      taken += length;
      if (taken > MAX_READ_BYTES) throw new Error(`read ${taken} bytes`);
      const out = new Uint8Array(length);
      out.set(bytes.subarray(Math.min(offset, bytes.length), offset + length));
      return out;
    },
  };
}

/** Sets the length of a safetensors header to where its JSON ends. */
function setHeaderLength(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 8) return bytes;
  const end = bytes.lastIndexOf('}'.charCodeAt(0)) + 1;
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(0, BigInt(Math.max(0, end - 8)), true);
  return bytes;
}

/**
 * A safetensors file whose tensors have no bytes: their shapes contain a 0, so any prefix of the
 * data is all of it.
 */
function safetensors(header: Record<string, unknown>, data = 0): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data);
  bytes.set(json, 8);
  return setHeaderLength(bytes);
}

const pair = (layer: string, ends: [string, string], at: number) => ({
  [`${layer}.${ends[0]}`]: { dtype: 'F16', shape: [1, 64], data_offsets: [at, at + 128] },
  [`${layer}.${ends[1]}`]: { dtype: 'F16', shape: [3072, 1], data_offsets: [at + 128, at + 6272] },
});

const LORA_CONFIG = { ...FLUX1_DEV, transformer: { ...FLUX1_DEV.transformer, num_layers: 1, num_single_layers: 1 } };
const LORA_PLAN = planParts(LORA_CONFIG);

function charsmapOf(model: Uint8Array): Uint8Array {
  return parseSentencePieces(model, 'fuzz').charsmap;
}

export const FILES: Readonly<Record<string, FuzzTarget>> = {
  safetensors: {
    seeds: [
      safetensors({ __metadata__: { a: 'b' }, x: { dtype: 'F32', shape: [1, 2], data_offsets: [0, 8] } }, 8),
      safetensors(
        {
          x: { dtype: 'F8_E4M3', shape: [], data_offsets: [0, 1] },
          y: { dtype: 'F4', shape: [2], data_offsets: [1, 2] },
        },
        2,
      ),
    ],
    repair: setHeaderLength,
    run: (bytes) =>
      isRead(async () => {
        const file = await readSafetensors(bytesSource(bytes, 'fuzz'));
        const ends = [...file.tensors.values()].map(({ offset, bytes: length }) => offset + length);
        require(ends.length === 0 || ends.at(-1) === bytes.length, 'bytes of the file that belong to no tensor');
      }),
  },
  gguf: {
    seeds: [read('test/fixtures/formats/ggml.gguf')],
    // Its tensors end before they should.
    refused: [read('test/fixtures/formats/ggml.gguf').slice(0, 4096)],
    run: (bytes) =>
      isRead(async () => {
        // With a terabyte behind it a header is read in larger pieces, which takes a hundred times
        // as long. So this is done only now and then.
        const isEndless = (bytes.at(-1) ?? 0) % 16 === 0;
        for (const source of [bytesSource(bytes, 'fuzz'), ...(isEndless ? [endless(bytes)] : [])]) {
          const file = await readGguf(source);
          for (const [name, { type, shape, offset, bytes: length }] of file.tensors) {
            require(offset + length <= source.size, `${name} lies outside of the file`);
            const count = shape.reduce((product, dim) => product * dim, 1);
            if (!('dequantize' in GGML_TYPES[type]) || count > 4096) continue;
            require((await file.readValues(name, 0, count)).length ===
              count, `${name} has other numbers than its shape`);
          }
        }
      }),
  },
  lora: {
    seeds: [
      safetensors(
        {
          ...pair('lora_unet_img_in', ['lora_down.weight', 'lora_up.weight'], 0),
          'lora_unet_img_in.alpha': { dtype: 'F16', shape: [], data_offsets: [6272, 6274] },
        },
        6274,
      ),
      safetensors(
        {
          __metadata__: {
            lora_adapter_metadata:
              '{"transformer.lora_alpha":8,"transformer.alpha_pattern":{"x_embedder":4},"transformer.use_rslora":true}',
          },
          ...pair('transformer.x_embedder', ['lora_A.weight', 'lora_B.weight'], 0),
        },
        6272,
      ),
      safetensors(
        {
          'diffusion_model.double_blocks.0.img_attn.norm.key_norm.scale.diff': {
            dtype: 'F16',
            shape: [128],
            data_offsets: [0, 256],
          },
          'lora_unet_img_in_.diff_b': { dtype: 'F16', shape: [3072], data_offsets: [256, 6400] },
          'bundle_emb.a.clip_l': { dtype: 'F16', shape: [2, 1], data_offsets: [6400, 6404] },
        },
        6404,
      ),
    ],
    repair: setHeaderLength,
    run: (bytes) =>
      isRead(async () => {
        const file = { name: 'fuzz', open: async () => bytesSource(bytes, 'fuzz') };
        const loras = await openLoras([{ file, strength: 1 }]);
        const { unused } = await mergeLoras({ parts: new Map(), unused: [] }, LORA_PLAN, loras);
        require(loras[0]!.pairs.size > 0 || loras[0]!.diffs.length > 0 || unused.length > 0, 'a LoRA without pairs');
      }),
  },
  sentencepiece: {
    seeds: [read('test/fixtures/tokenizers/spiece/spiece.model')],
    run: (bytes) =>
      isRead(() => {
        const { pieces, charsmap } = parseSentencePieces(bytes, 'fuzz');
        require(pieces.length <= bytes.length && charsmap.length <= bytes.length, 'more than the file has');
      }),
  },
  charsmap: {
    seeds: [charsmapOf(read('test/fixtures/tokenizers/spiece/spiece.model'))],
    run: (bytes) =>
      isRead(() => {
        const charsmap = new Charsmap(Buffer.from(bytes).toString('base64'), 'fuzz');
        require(typeof charsmap.normalize('e\u0301 \ufb01 \uff21 \u2460 a\u0300\u0316') === 'string', 'no text');
      }),
  },
};
