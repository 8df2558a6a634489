import { isFluxError, SAFETY_CHECKER_FILES } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { convertPipeline } from '../convert/convert.ts';
import { type Files, jsonBytes, memoryBundle, memorySource } from '../test-support/memory.ts';
import { tinyPipeline } from '../test-support/tiny-pipeline.ts';

const MODEL = Uint8Array.from({ length: 9000 }, (_, i) => i % 251);
const POLICY = { flagged: ['duck'], threshold: 0.5, notice: 'Looks for ducks.' };

/** A classifier's folder. The converter does not look into the ONNX file; whoever loads it does. */
function classifier(changes: Record<string, Uint8Array | undefined> = {}): Files {
  const files: Files = new Map([
    [
      'config.json',
      jsonBytes({
        _name_or_path: '/home/someone/classifier',
        architectures: ['ResNetForImageClassification'],
        id2label: { 0: 'cat', 1: 'duck' },
      }),
    ],
    ['preprocessor_config.json', jsonBytes({ image_processor_type: 'ViTImageProcessor' })],
    ['model.onnx', MODEL],
    ['safety_checker.json', jsonBytes(POLICY)],
  ]);
  for (const [path, bytes] of Object.entries(changes)) {
    if (bytes === undefined) files.delete(path);
    else files.set(path, bytes);
  }
  return files;
}

async function convert(safetyChecker: Files) {
  const bundle = memoryBundle();
  const options = { dtype: 'f32', safetyChecker: memorySource(safetyChecker) } as const;
  const outcome: unknown = await convertPipeline(memorySource(await tinyPipeline()), bundle, options).catch(
    (error: unknown) => error,
  );
  return { bundle, outcome };
}

describe('a conversion with a safety checker', () => {
  it('copies the classifier, names it in the manifest and lists its files', async () => {
    const { bundle, outcome } = await convert(classifier());
    expect(outcome).toMatchObject({ manifest: { safety_checker: { ...POLICY, folder: 'safety_checker' } } });
    expect(bundle.files.get('safety_checker/model.onnx')).toEqual(MODEL);
    const manifest = JSON.parse(new TextDecoder().decode(bundle.files.get('manifest.json')));
    const listed = manifest.files.map(({ path }: { path: string }) => path);
    expect(listed).toEqual(expect.arrayContaining(SAFETY_CHECKER_FILES.map((name) => `safety_checker/${name}`)));
  });

  it('leaves out where the classifier once lay', async () => {
    const { bundle } = await convert(classifier());
    const config = new TextDecoder().decode(bundle.files.get('safety_checker/config.json'));
    expect(config).toContain('duck');
    expect(config).not.toContain('/home/someone');
  });

  it('takes the weights from where transformers.js keeps them', async () => {
    const { bundle } = await convert(classifier({ 'model.onnx': undefined, 'onnx/model.onnx': MODEL }));
    expect(bundle.files.get('safety_checker/model.onnx')).toEqual(MODEL);
  });

  it.each<[string, Record<string, Uint8Array | undefined>, string, string]>([
    ['no weights', { 'model.onnx': undefined }, 'model/file-missing', 'model.onnx is missing'],
    ['no config', { 'config.json': undefined }, 'model/file-missing', 'config.json is missing'],
    ['no preparation', { 'preprocessor_config.json': undefined }, 'model/file-missing', 'preprocessor_config.json'],
    ['nothing said of what to flag', { 'safety_checker.json': undefined }, 'model/file-missing', '"flagged"'],
    ['a config that is no JSON', { 'config.json': Uint8Array.of(123) }, 'format/header-invalid', 'must be JSON'],
    [
      'a label that the classifier has not',
      { 'safety_checker.json': jsonBytes({ ...POLICY, flagged: ['goose'] }) },
      'format/config-unsupported',
      '"goose"',
    ],
    [
      'a threshold above one',
      { 'safety_checker.json': jsonBytes({ ...POLICY, threshold: 50 }) },
      'model/manifest-invalid',
      'safety_checker.threshold',
    ],
    [
      'labels that are no list',
      { 'safety_checker.json': jsonBytes({ ...POLICY, flagged: 'duck' }) },
      'model/manifest-invalid',
      'safety_checker.flagged',
    ],
    [
      'a field that nobody reads',
      { 'safety_checker.json': jsonBytes({ ...POLICY, treshold: 0.9 }) },
      'model/manifest-invalid',
      'treshold',
    ],
  ])('refuses %s and leaves nothing behind', async (_, changes, code, words) => {
    const { bundle, outcome } = await convert(classifier(changes));
    expect(isFluxError(outcome) && outcome.code).toBe(code);
    expect((outcome as Error).message).toContain(words);
    expect([bundle.state, bundle.files.size]).toEqual(['aborted', 0]);
  });

  it('refuses a model larger than any classifier, unread', async () => {
    const source = memorySource(classifier());
    const huge = {
      ...source,
      open: async (path: string) => {
        const file = await source.open(path);
        if (path !== 'model.onnx') return file;
        return { ...file, size: 2 ** 30, read: () => Promise.reject(new Error('was read')) };
      },
    };
    const bundle = memoryBundle();
    const pipeline = memorySource(await tinyPipeline());
    await expect(convertPipeline(pipeline, bundle, { dtype: 'f32', safetyChecker: huge })).rejects.toMatchObject({
      code: 'format/header-too-large',
    });
    expect(bundle.state).toBe('aborted');
  });
});
