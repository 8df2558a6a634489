import { readFile } from 'node:fs/promises';
import type { SafetyChecker } from '@flux-srpo/core';
import { encodeGraph } from '@flux-srpo/formats/onnx';
import { afterEach, describe, expect, it } from 'vitest';
import { blobBundle } from '../../../../test/support/blob-bundle.ts';
import { memoryBundle } from '../../../../test/support/memory-bundle.ts';
import { openBundle } from '../bundle/bundle.ts';

import { createNodeBackend } from '../ort/node.ts';
import { patternPicture } from '../test-support/pattern-picture.ts';
import { loadClassifier } from './classifier.ts';

const CLASSIFIER = new URL('../../../../models/tiny/safety_checker/', import.meta.url);
const FIXTURE = new URL('../../../../test/fixtures/oracles/safety-checker.json', import.meta.url);
const CHECKER: SafetyChecker = { folder: 'checker', flagged: ['duck'], threshold: 0.5, notice: 'Looks for ducks.' };

const { logits: oracle } = JSON.parse(await readFile(FIXTURE, 'utf8')) as {
  logits: { size: [number, number]; logits: number[] }[];
};
const config = JSON.parse(await readFile(new URL('config.json', CLASSIFIER), 'utf8'));
const preprocessor = JSON.parse(await readFile(new URL('preprocessor_config.json', CLASSIFIER), 'utf8'));
const model = await readFile(new URL('model.onnx', CLASSIFIER));

const backend = await createNodeBackend({ threads: 1 });
afterEach(() => backend.dispose());

interface Changes {
  config?: object;
  preprocessor?: object;
  model?: Uint8Array;
}

async function load(changes: Changes = {}) {
  const json = (value: object) => new TextEncoder().encode(JSON.stringify(value));
  const files = await memoryBundle({
    parts: { table: { tensors: [] } },
    files: {
      'checker/config.json': json({ ...config, ...changes.config }),
      'checker/preprocessor_config.json': json({ ...preprocessor, ...changes.preprocessor }),
      'checker/model.onnx': changes.model ?? model,
    },
    safetyChecker: CHECKER,
  });
  return loadClassifier(await backend.openStage('safety', 'cpu'), await openBundle(blobBundle(files)), CHECKER);
}

/** A graph of one node that makes `logits` of `input`. */
function oneNode(op: string, input: string): Uint8Array {
  const value = (name: string) => ({ name, dtype: 'float32' as const, dims: ['n', 'c', 'h', 'w'] });
  return encodeGraph({
    name: 'g',
    nodes: [{ op, inputs: [input], outputs: ['logits'] }],
    inputs: [value(input)],
    outputs: [value('logits')],
  });
}

function softmax(values: readonly number[]): number[] {
  const powers = values.map(Math.exp);
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

describe('loadClassifier', () => {
  it.each(oracle)('gives transformers’ probabilities for a picture of $size', async ({ size, logits }) => {
    const { classify } = await load();
    const probabilities = await classify(patternPicture(...size));
    expect([...probabilities.keys()].sort()).toEqual(Object.values(config.id2label).sort());
    for (const [i, expected] of softmax(logits).entries()) {
      // Pixels may differ by one level of 255 (resize.ts); a wrong filter, order of channels or
      // mean is off by 0.05 and more.
      expect(Math.abs(probabilities.get(config.id2label[i])! - expected)).toBeLessThan(5e-3);
    }
  });

  it('crops to the middle when the preparation says so', async () => {
    const crop = { do_resize: false, do_center_crop: true, crop_size: { width: 96, height: 96 } };
    const { classify } = await load({ preprocessor: crop });
    const wide = patternPicture(112, 96);
    const middle = { width: 96, height: 96, rgb: new Uint8Array(3 * 96 * 96) };
    for (let y = 0; y < 96; y++) middle.rgb.set(wide.rgb.subarray(3 * (y * 112 + 8), 3 * (y * 112 + 104)), 3 * y * 96);
    expect(await classify(wide)).toEqual(await classify(middle));
    await expect(classify(patternPicture(95, 200))).rejects.toMatchObject({ code: 'format/config-unsupported' });
  });

  it.each<[string, Changes, string]>([
    ['another input than pictures', { model: oneNode('Relu', 'input_ids') }, 'model/manifest-invalid'],
    ['bytes that are no graph', { model: new Uint8Array(5000).fill(7) }, 'format/header-invalid'],
    ['labels without the flagged one', { config: { id2label: { 0: 'cat' } } }, 'format/config-unsupported'],
    ['an unknown filter', { preprocessor: { resample: 9 } }, 'format/config-unsupported'],
    ['a mean for two colours', { preprocessor: { image_mean: [0.5, 0.5] } }, 'format/config-unsupported'],
    ['no size to resize to', { preprocessor: { size: null } }, 'format/config-unsupported'],
    ['a side that is no number', { preprocessor: { size: { width: 96, height: '96' } } }, 'format/config-unsupported'],
    ['a side of a million', { preprocessor: { size: { shortest_edge: 1e6 } } }, 'format/config-unsupported'],
    ['a size of nothing', { preprocessor: { do_center_crop: true, crop_size: 0 } }, 'format/config-unsupported'],
  ])('refuses %s', async (_, changes, code) => {
    await expect(load(changes)).rejects.toMatchObject({ code });
  });

  it('does not take an answer of another shape, or one that is no number, for harmless', async () => {
    const picture = patternPicture(96, 96);
    const shapeless = await load({ model: oneNode('Relu', 'pixel_values') });
    await expect(shapeless.classify(picture)).rejects.toMatchObject({ code: 'inference/output-invalid' });
    const scale = { image_mean: [0, 0, 0], image_std: [1e-300, 1e-300, 1e-300] };
    const nan = await load({ preprocessor: scale });
    await expect(nan.classify(picture)).rejects.toMatchObject({ code: 'inference/output-invalid' });
  });
});
