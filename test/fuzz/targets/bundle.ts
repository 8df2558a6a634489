import { parseManifest } from '@flux-srpo/core';
import { requireHarmless } from '../../../packages/runtime/src/bundle/harmless-graph.ts';
import { loadTokenizers } from '../../../packages/runtime/src/text/tokenizers.ts';
import { CLIP, PUBLISHED_T5, T5, tokenizerBundle } from '../../support/small-tokenizers.ts';
import { type FuzzTarget, isRead, jsonBytes, MANIFEST, parseJson, read, require } from './target.ts';

/** What a bundle is made of. */

const PROMPTS = [
  'a red house',
  '  \n<|startoftext|>RED</s>  \u{1f600}\u{1f600} e\u0301 \ufb01 \ufdfa ',
  'a'.repeat(1000),
];

/** The embedded model's manifest with one part, and only the files that it must have. */
function smallManifest(): Uint8Array {
  const { weights, graph } = MANIFEST.parts.find(({ name }) => name === 'double_block.0')!;
  const graphs = { a: MANIFEST.graphs[graph!]! };
  const graphs_f16 = { a: MANIFEST.graphs_f16![graph!]! };
  const needed = [weights, graphs.a, graphs_f16.a];
  const files = MANIFEST.files.filter(({ path }) => needed.includes(path) || /^(?:tokenizer|safety)/.test(path));
  return jsonBytes({
    ...MANIFEST,
    graphs,
    graphs_f16,
    parts: [{ name: 'a', graph: 'a', weights }],
    files,
    examples: ['a'],
  });
}

export const BUNDLES: Readonly<Record<string, FuzzTarget>> = {
  manifest: {
    isJson: true,
    seeds: [smallManifest()],
    run: (bytes) => isRead(() => void parseManifest(new TextDecoder().decode(bytes))),
  },
  graph: {
    seeds: ['join_streams', 'modulation_2', 'vae_out'].map((name) => read(`models/tiny/bundle/graphs/${name}.onnx`)),
    run: (bytes) =>
      isRead(() => {
        requireHarmless('fuzz', bytes);
        requireHarmless('fuzz', bytes, 'others');
      }),
  },
  tokenizer: {
    isJson: true,
    seeds: [jsonBytes({ clip: CLIP, t5: T5 }), jsonBytes({ clip: CLIP, t5: PUBLISHED_T5 })],
    run: async (bytes) => {
      const files = parseJson(bytes)?.json;
      if (typeof files !== 'object' || files === null) return false;
      return isRead(async () => {
        const { clip, t5 } = await loadTokenizers(tokenizerBundle(files));
        for (const prompt of PROMPTS) {
          const both = [clip.tokenize(prompt, 77), t5.tokenize(prompt, 8)];
          for (const { ids, dropped } of both) {
            require(ids.every((id) => Number.isSafeInteger(id) && id >= 0) && dropped >= 0, `ids are ${ids}`);
          }
          require(both.map(({ ids }) => ids.length).join() === '77,8', `${both.map(({ ids }) => ids.length)} ids`);
        }
      });
    },
  },
};
