import { type Manifest, parseManifest } from '@flux-srpo/core';
import type { Bundle } from '../../../packages/runtime/src/bundle/bundle.ts';
import { requireHarmless } from '../../../packages/runtime/src/parts/harmless-graph.ts';
import { loadTokenizers } from '../../../packages/runtime/src/text/tokenizers.ts';
import { type FuzzTarget, isRefusal, jsonBytes, parseJson, read, require } from './target.ts';

/** What a bundle is made of. */

const MANIFEST: Manifest = parseManifest(new TextDecoder().decode(read('models/tiny/bundle/manifest.json')));

/** The embedded model's manifest with only the files that it must have. */
function smallManifest(): Uint8Array {
  const manifest = JSON.parse(new TextDecoder().decode(read('models/tiny/bundle/manifest.json')));
  const parts = manifest.parts.slice(0, 1);
  const isNeeded = ({ path }: { path: string }) => path === parts[0].weights || /^(?:tokenizer|safety)/.test(path);
  const files = manifest.files.filter(isNeeded);
  const small = { ...manifest, graphs: {}, parts: [{ name: 'a', weights: parts[0].weights }], files, examples: ['a'] };
  return jsonBytes(small);
}

/** The smallest of its kind: byte-level BPE as CLIP's, with two merges. */
const CLIP = {
  json: {
    added_tokens: [{ id: 6, content: '<|startoftext|>', special: true }],
    normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Lowercase' }] },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: "'s|[a-z]+|\\d" }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      unk_token: '<|endoftext|>',
      end_of_word_suffix: '</w>',
      vocab: { r: 0, e: 1, 'd</w>': 2, re: 3, 'red</w>': 4, '<|endoftext|>': 5, '<|startoftext|>': 6 },
      merges: ['r e', 're d</w>'],
    },
  },
  config: {
    bos_token: '<|startoftext|>',
    eos_token: '<|endoftext|>',
    pad_token: '<|endoftext|>',
    tokenizer_class: 'CLIPTokenizer',
  },
};
/** Unigram pieces as T5's. */
const T5 = {
  json: {
    added_tokens: [{ id: 1, content: '</s>', special: true }],
    normalizer: { type: 'Precompiled', precompiled_charsmap: '' },
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: true },
    model: {
      type: 'Unigram',
      unk_id: 2,
      vocab: [
        ['<pad>', 0],
        ['</s>', 0],
        ['<unk>', 0],
        ['▁red', -2],
        ['▁', -3],
      ],
    },
  },
  config: { eos_token: '</s>', pad_token: '<pad>', unk_token: '<unk>', tokenizer_class: 'T5Tokenizer' },
};

/** Only what the tokenizers need of one. */
function tokenizerBundle(files: Record<string, unknown>): Bundle {
  const { tokenizer, tokenizer_2 } = MANIFEST.tokenizers;
  const folders = { [tokenizer.folder]: 'clip', [tokenizer_2.folder]: 't5' };
  return {
    manifest: MANIFEST,
    read: async (path: string) => {
      const [folder = '', file = ''] = path.split('/');
      const { json, config } = (files[folders[folder] ?? ''] ?? {}) as Record<string, unknown>;
      return jsonBytes((file === 'tokenizer.json' ? json : config) ?? null);
    },
  } as unknown as Bundle;
}

export const BUNDLES: Readonly<Record<string, FuzzTarget>> = {
  manifest: {
    isJson: true,
    seeds: [smallManifest()],
    run: (bytes) => isRefusal(() => void parseManifest(new TextDecoder().decode(bytes))),
  },
  graph: {
    seeds: ['join_streams', 'modulation_2', 'vae_out'].map((name) => read(`models/tiny/bundle/graphs/${name}.onnx`)),
    run: (bytes) =>
      isRefusal(() => {
        requireHarmless('fuzz', bytes);
        requireHarmless('fuzz', bytes, 'others');
      }),
  },
  tokenizer: {
    isJson: true,
    seeds: [jsonBytes({ clip: CLIP, t5: T5 })],
    run: (bytes) =>
      isRefusal(async () => {
        const files = parseJson(bytes)?.json;
        if (typeof files !== 'object' || files === null) return;
        const { clip, t5 } = await loadTokenizers(tokenizerBundle(files as Record<string, unknown>));
        for (const { ids, dropped } of [clip.tokenize('a red house', 77), t5.tokenize('a red house', 8)]) {
          const isCount = ids.length === 77 || ids.length === 8;
          require(isCount && ids.every(Number.isSafeInteger) && dropped >= 0, `ids are ${ids}`);
        }
      }),
  },
};
