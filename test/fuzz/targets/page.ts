import { encodePng } from '@flux-srpo/formats';
import { restore } from '../../../demo/src/pictures/restore.ts';
import { withCompressedText } from '../../support/compressed-png-text.ts';
import { type FuzzTarget, require, textBytes } from './target.ts';

/** What people drop on the page. */

const PIXEL = { width: 1, height: 1, rgb: new Uint8Array(3) };
const OWN = {
  prompt: 'a',
  steps: 2,
  guidance: 3.5,
  seed: 7,
  index: 1,
  n: 2,
  width: 48,
  height: 80,
  acceleration: 'high',
};
const PARAMETERS =
  'a\nNegative prompt: b\nSteps: 20, Sampler: Euler, CFG scale: 1, Seed: 7, Size: 64x64, Lora hashes: "a: 1, b: \\"2\\""';
const GRAPH = {
  1: { class_type: 'KSampler', inputs: { seed: 7, steps: 20, cfg: 1, positive: ['2', 0], latent_image: ['3', 0] } },
  2: { class_type: 'FluxGuidance', inputs: { guidance: 3.5, conditioning: ['4', 0] } },
  3: { class_type: 'EmptyLatentImage', inputs: { width: 64, height: 64 } },
  4: { class_type: 'CLIPTextEncode', inputs: { text: 'a' } },
};

export const PAGE: Readonly<Record<string, FuzzTarget>> = {
  png: {
    seeds: [
      encodePng(PIXEL, { 'flux-srpo': JSON.stringify(OWN) }),
      encodePng(PIXEL, { parameters: PARAMETERS }),
      encodePng(PIXEL, { prompt: JSON.stringify(GRAPH) }),
      withCompressedText(encodePng(PIXEL), 'parameters', textBytes(PARAMETERS)),
    ],
    run: async (bytes) => {
      const found = await restore(new Blob([new Uint8Array(bytes)]));
      if (found === undefined) return false;
      const values = Object.values(found.form);
      require(values.every((value) => value === undefined || typeof value === 'string'), `not texts: ${values}`);
      require(found.unused.length <= 14, `${found.unused.length} notes`);
      return true;
    },
  },
};
