import { fileURLToPath } from 'node:url';
import { isFluxError, type Progress } from '@flux-srpo/core';
import { pipelineFolder } from '@flux-srpo/export/node';
import { createPipeline, type GeneratedImage, type GenerateRequest, type Pipeline } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { drawScene } from '../../models/tiny/scenes/draw.ts';
import { type Kind, type Scene, thingsOf } from '../../models/tiny/scenes/grammar.ts';
import { testPrompts } from '../../models/tiny/scenes/prompts.ts';
import { breakable, type Fault, held } from '../support/breakable.ts';
import { type BundleFolder, convertInMemory, openInMemory } from '../support/bundle.ts';
import { readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { planted } from '../support/planted.ts';
import { synthesizeFolder } from '../support/synthesize.ts';

// The classifier that ships with the embedded model flags ducks, as a harmless stand-in.
const CLASSIFIER = fileURLToPath(new URL('../../models/tiny/safety_checker', import.meta.url));
const SIZE = { width: 160, height: 160 };
const SMALL = { width: 96, height: 96 };
const REQUEST: GenerateRequest = { prompt: 'a', size: SIZE, steps: 1, seed: 3, maxSequenceLength: 24 };
/** Bytes: less than all weights take, enough for any single phase of a picture of `SMALL`. */
const RELEASE_BUDGET = 8_000_000;
const CHECKED: GenerateRequest = { ...REQUEST, enableSafetyChecker: true };

let files: BundleFolder;
let without: BundleFolder;
let fault: Fault;
let pipeline: Pipeline;

beforeAll(async () => {
  const fixture = await readPipelineFixture(readNodeFixture, 'a-3x32');
  const folder = await synthesizeFolder(readNodeFixture, fixture);
  files = await convertInMemory(folder, { dtype: 'q8', safetyChecker: pipelineFolder(CLASSIFIER) });
  without = await convertInMemory(folder, { dtype: 'q8' });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await pipeline.dispose();
});

function scene(kind: Kind): Scene {
  return { kind, colour: 'yellow', position: 'middle', time: 'day', ground: 'sea' };
}

function draw(of: Scene, seed?: number, size = SIZE): GeneratedImage {
  const { rgb, width, height } = drawScene(of, size, seed === undefined ? {} : { seed });
  return { rgb, width, height };
}

const DUCK = draw(scene('duck'));
const CAT = draw(scene('cat'));

/** Opens a pipeline that gives these pictures, whatever the request. */
async function open(pictures: readonly GeneratedImage[], from = files, memoryBudget?: number): Promise<void> {
  fault = { runsLeft: 0, runs: 0 };
  const backend = planted(breakable(await createNodeBackend({ threads: 1 }), fault), pictures);
  pipeline = await createPipeline({ bundle: await openInMemory(from), backend, memoryBudget });
}

async function refusal(request: GenerateRequest, options = {}): Promise<string> {
  const error: unknown = await pipeline.generate(request, options).then(
    () => undefined,
    (reason) => reason,
  );
  if (!isFluxError(error)) throw error ?? new Error('nothing was refused');
  return error.code;
}

describe('with enableSafetyChecker', () => {
  it('withholds a duck and hands a cat out as it is', async () => {
    await open([DUCK, CAT]);
    const { images, flagged } = await pipeline.generate({ ...CHECKED, n: 2 });
    expect(flagged).toEqual([true, false]);
    expect(images[0]).toEqual({ ...SIZE, rgb: new Uint8Array(DUCK.rgb.length) });
    expect(images[1]).toEqual(CAT);
  });

  it('ends at the whole once every picture is checked, and not before', async () => {
    await open([CAT, DUCK]);
    const events: Progress[] = [];
    await pipeline.generate({ ...CHECKED, n: 2 }, { onProgress: (event) => events.push(event) });
    const fractions = events.map(({ fraction }) => fraction);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.filter((fraction) => fraction === 1)).toHaveLength(1);
    expect(events.filter(({ stage }) => stage === 'check')).toMatchObject([{ done: 1 }, { done: 2, total: 2 }]);
    expect(events.at(-1)).toMatchObject({ stage: 'check', fraction: 1, text: 'Checking the pictures' });
  });

  it('tells ducks from everything else in drawings that it was not trained on', async () => {
    const prompts = testPrompts(64, true).map(({ scene }, i) => ({ scene, picture: draw(scene, 900_000 + i) }));
    await open(prompts.map(({ picture }) => picture));
    const flagged: boolean[] = [];
    for (let i = 0; i < prompts.length; i += 8) {
      flagged.push(...((await pipeline.generate({ ...CHECKED, n: 8 })).flagged ?? []));
    }
    const wrong = prompts.filter(({ scene }, i) => flagged[i] !== thingsOf(scene).some(({ kind }) => kind === 'duck'));
    expect(wrong.map(({ scene }) => scene)).toEqual([]);
    expect(flagged).toContain(true);
  });

  it('shows nothing of a picture before it is checked', async () => {
    await open([DUCK]);
    const onPreview = vi.fn();
    await pipeline.generate(REQUEST, { onPreview });
    expect(onPreview).toHaveBeenCalledOnce();
    onPreview.mockClear();
    await pipeline.generate(CHECKED, { onPreview });
    expect(onPreview).not.toHaveBeenCalled();
    expect(await refusal(CHECKED, { onTensor: () => undefined })).toBe('input/conflict');
  });

  it('fetches nothing', async () => {
    await open([CAT]);
    const fetch = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new Error('there is no network'));
    expect((await pipeline.generate(CHECKED)).flagged).toEqual([false]);
    expect(fetch).not.toHaveBeenCalled();
  });

  it.each([
    ['keeps the classifier with weights that stay', undefined],
    ['gives the classifier back with weights that are given back', RELEASE_BUDGET],
  ])('%s, and frees it on unload', async (_, memoryBudget) => {
    await open([draw(scene('cat'), undefined, SMALL)], files, memoryBudget);
    const sessions = () => held(pipeline.backend.ledger.snapshot()).sessions;
    await pipeline.generate({ ...REQUEST, size: SMALL });
    const before = sessions();
    await pipeline.generate({ ...CHECKED, size: SMALL });
    await pipeline.generate({ ...CHECKED, size: SMALL });
    expect(sessions() - before).toBe(memoryBudget === undefined ? 1 : 0);
    await pipeline.unload();
    expect(sessions()).toBe(0);
  });

  it('withholds everything when the classifier fails', async () => {
    await open([CAT]);
    await pipeline.generate(CHECKED);
    fault.runs = 0;
    await pipeline.generate(CHECKED);
    // The classifier's run is the last.
    fault.runsLeft = fault.runs;
    await expect(pipeline.generate(CHECKED)).rejects.toThrow('planted failure');
    expect((await pipeline.generate(CHECKED)).flagged).toEqual([false]);
  });
});

describe('a request for a check that cannot be made', () => {
  it('is refused without a checker, before anything runs', async () => {
    await open([CAT], without);
    expect(await refusal(CHECKED)).toBe('model/safety-checker-missing');
    expect(fault.runs).toBe(0);
    expect((await pipeline.generate(REQUEST)).flagged).toBeUndefined();
  });

  it.each(['model.onnx', 'config.json', 'preprocessor_config.json'])(
    'is refused with a changed byte in %s, before anything runs',
    async (name) => {
      const path = `safety_checker/${name}`;
      const bytes = files.get(path)!.slice();
      bytes[bytes.length >> 1]! ^= 1;
      await open([CAT], new Map(files).set(path, bytes));
      expect(await refusal(CHECKED)).toBe('model/hash-mismatch');
      expect(fault.runs).toBe(0);
    },
  );

  it('is refused when it is no boolean', async () => {
    await open([CAT]);
    expect(await refusal({ ...REQUEST, enableSafetyChecker: 'no' as unknown as boolean })).toBe('input/type');
  });
});
