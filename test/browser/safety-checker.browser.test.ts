import type { SourceFolder } from '@flux-srpo/export';
import { bytesSource } from '@flux-srpo/formats';
import { type Backend, createPipeline, createWasmBackend, createWebGpuBackend } from '@flux-srpo/runtime';
import { beforeAll, describe, expect, it } from 'vitest';
import { drawScene } from '../../models/tiny/scenes/draw.ts';
import type { Kind } from '../../models/tiny/scenes/grammar.ts';
import { type BundleFolder, convertInMemory, openInMemory } from '../support/bundle.ts';
import { readPipelineFixture } from '../support/fixture.ts';
import { planted } from '../support/planted.ts';
import { synthesizeFolder } from '../support/synthesize.ts';
import { readFixture } from './support/browser-fixtures.ts';

const FILES = ['config.json', 'preprocessor_config.json', 'model.onnx', 'safety_checker.json'];
const SIZE = { width: 160, height: 160 };

/** The classifier that ships with the embedded model. It flags ducks, as a harmless stand-in. */
async function classifier(): Promise<SourceFolder> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const name of FILES) {
    const response = await fetch(new URL(`../../models/tiny/safety_checker/${name}`, import.meta.url));
    files.set(name, new Uint8Array(await response.arrayBuffer()));
  }
  return { list: async () => FILES, open: async (path) => bytesSource(files.get(path)!, path) };
}

function draw(kind: Kind) {
  const { rgb } = drawScene({ kind, colour: 'yellow', position: 'middle', time: 'day', ground: 'sea' }, SIZE);
  return { ...SIZE, rgb };
}

let files: BundleFolder;
beforeAll(async () => {
  const folder = await synthesizeFolder(readFixture, await readPipelineFixture(readFixture, 'a-3x32'));
  files = await convertInMemory(folder, { dtype: 'q8', safetyChecker: await classifier() });
});

describe.each<[string, () => Promise<Backend>]>([
  ['wasm', createWasmBackend],
  // The planted pictures replace everything that the GPU drew.
  ['WebGPU', () => createWebGpuBackend({ selfTest: false })],
])('the safety checker beside %s', (_, createBackend) => {
  it('withholds a duck, hands a cat out, and loads nothing from elsewhere', async () => {
    const [duck, cat] = [draw('duck'), draw('cat')];
    const backend = planted(await createBackend(), [duck, cat]);
    const pipeline = await createPipeline({ bundle: await openInMemory(files), backend });
    try {
      const request = { prompt: 'a', size: SIZE, steps: 1, seed: 3, n: 2, maxSequenceLength: 24 };
      const { images, flagged } = await pipeline.generate({ ...request, enableSafetyChecker: true });
      expect(flagged).toEqual([true, false]);
      expect(images[0]?.rgb.every((byte) => byte === 0)).toBe(true);
      expect(images[1]?.rgb).toEqual(cat.rgb);
    } finally {
      await pipeline.dispose();
    }
    const origins = performance.getEntriesByType('resource').map(({ name }) => new URL(name).origin);
    expect(new Set(origins)).toEqual(new Set([location.origin]));
  });
});
