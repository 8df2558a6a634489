import { parseManifest } from '@flux-srpo/core';
import { requireHarmless } from '../../../packages/runtime/src/parts/harmless-graph.ts';
import { loadTokenizers } from '../../../packages/runtime/src/text/tokenizers.ts';
import { CLIP, T5, tokenizerBundle } from '../../support/small-tokenizers.ts';
import { type FuzzTarget, isRefusal, jsonBytes, parseJson, read, require } from './target.ts';

/** What a bundle is made of. */

/** The embedded model's manifest with only the files that it must have. */
function smallManifest(): Uint8Array {
  const manifest = JSON.parse(new TextDecoder().decode(read('models/tiny/bundle/manifest.json')));
  const parts = manifest.parts.slice(0, 1);
  const isNeeded = ({ path }: { path: string }) => path === parts[0].weights || /^(?:tokenizer|safety)/.test(path);
  const files = manifest.files.filter(isNeeded);
  const small = { ...manifest, graphs: {}, parts: [{ name: 'a', weights: parts[0].weights }], files, examples: ['a'] };
  return jsonBytes(small);
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
        const { clip, t5 } = await loadTokenizers(tokenizerBundle(files));
        for (const { ids, dropped } of [clip.tokenize('a red house', 77), t5.tokenize('a red house', 8)]) {
          const isCount = ids.length === 77 || ids.length === 8;
          require(isCount && ids.every((id) => Number.isSafeInteger(id) && id >= 0) && dropped >= 0, `ids are ${ids}`);
        }
      }),
  },
};
