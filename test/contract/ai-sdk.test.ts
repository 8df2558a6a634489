import type { ImageModelV3 } from '@ai-sdk/provider';
import { generateImage } from 'ai';
import { fluxSrpoImageModel } from 'flux-srpo/ai-sdk';
import type { ImageEngine } from 'flux-srpo/fetch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenEngine, openEngine, SMALL, tinyBundle } from '../support/engine.ts';

// Oracle: the AI SDK's own generateImage, unmodified. The compiler checks its types.

let local: OpenEngine;
let model: ImageModelV3;

const fluxSrpo = { num_inference_steps: 1, max_sequence_length: 24 };

beforeAll(async () => {
  // The SDK prints warnings by default. Here they are what is tested.
  globalThis.AI_SDK_LOG_WARNINGS = false;
  local = await openEngine(await tinyBundle());
  model = fluxSrpoImageModel(local.engine);
});

afterAll(() => local?.[Symbol.asyncDispose]());

/** Gives what the engine is asked for, without drawing it. */
async function requested(options: object): Promise<Record<string, unknown>> {
  let request: object | undefined;
  const recording: ImageEngine & { load: OpenEngine['engine']['load'] } = {
    load: () => local.engine.load(),
    images: {
      generate: (body) => {
        request = body;
        return local.engine.images.generate({ ...SMALL, output_format: 'b64_json' });
      },
    },
  };
  const model = fluxSrpoImageModel(recording);
  const { warnings } = await generateImage({ model, prompt: 'a red fox', ...options });
  return { ...request, warnings };
}

describe('the AI SDK model', () => {
  it('hands over every word that the AI SDK has, and the endpoint’s own', async () => {
    const options = { size: '48x32', seed: 7, n: 2, providerOptions: { fluxSrpo: { ...fluxSrpo, guidance_scale: 3 } } };
    expect(await requested(options)).toEqual({
      model: 'flux-srpo-text-to-image',
      prompt: 'a red fox',
      size: '48x32',
      seed: 7,
      n: 2,
      ...fluxSrpo,
      guidance_scale: 3,
      output_format: 'b64_json',
      warnings: [],
    });
  });

  it('leaves to the model what is not said', async () => {
    const { warnings, ...request } = await requested({});
    expect(warnings).toEqual([]);
    expect(Object.keys(request).sort()).toEqual(['model', 'n', 'output_format', 'prompt']);
  });

  it('draws an aspect ratio exactly, as a preset where there is one', async () => {
    expect(await requested({ aspectRatio: '16:9' })).toMatchObject({ image_size: { width: 1024, height: 576 } });
    expect(await requested({ aspectRatio: '3:2' })).toMatchObject({ image_size: { width: 1104, height: 736 } });
  });

  it('warns of an aspect ratio that it cannot draw, and of one that a size decides', async () => {
    const tooFine = await requested({ aspectRatio: '1001:1000' });
    expect(tooFine.warnings).toMatchObject([{ type: 'unsupported', feature: 'aspectRatio' }]);
    expect(tooFine).not.toHaveProperty('image_size');
    const both = await requested({ aspectRatio: '1:1', size: '48x32' });
    expect(both.warnings).toMatchObject([{ type: 'unsupported', feature: 'aspectRatio' }]);
    expect(both).toMatchObject({ size: '48x32' });
  });

  it.each([
    ['an unknown option', { providerOptions: { fluxSrpo: { sampler: 'dpm' } } }, 'providerOptions.fluxSrpo.sampler'],
    [
      'an option that the AI SDK has a word for',
      { providerOptions: { fluxSrpo: { seed: 7 } } },
      'providerOptions.fluxSrpo.seed',
    ],
    ['a picture to edit', { prompt: { text: 'a fox', images: [Uint8Array.of(1)] } }, 'files'],
    ['a size off the grid', { size: '50x50' }, 'size'],
    ['a seed that is none', { seed: 0.5 }, 'seed'],
    [
      'two sizes',
      { size: '48x32', providerOptions: { fluxSrpo: { image_size: { width: 48, height: 32 } } } },
      'image_size',
    ],
  ])('refuses %s, once, with the library’s own error', async (_, options, field) => {
    await expect(generateImage({ model, prompt: 'a red fox', ...options } as never)).rejects.toMatchObject({
      name: 'InputError',
      details: { field },
    });
  });

  it('tells the seed that a random picture had, which draws it again', async () => {
    const first = await generateImage({ model, prompt: 'a red fox', size: '48x32', providerOptions: { fluxSrpo } });
    const images = first.providerMetadata.fluxSrpo?.images as { seed: number }[];
    const seed = images[0]?.seed as number;
    const again = await generateImage({
      model,
      prompt: 'a red fox',
      size: '48x32',
      seed,
      providerOptions: { fluxSrpo },
    });
    expect(again.image.base64).toBe(first.image.base64);
    expect(first.image.mediaType).toBe('image/png');
  });

  it('draws more than ten pictures one request after another, no two the same', async () => {
    const { images, providerMetadata } = await generateImage({
      model,
      prompt: 'a red fox',
      size: '16x16',
      n: 21,
      seed: 7,
      providerOptions: { fluxSrpo },
    });
    expect(new Set(images.map(({ base64 }) => base64)).size).toBe(21);
    const about = providerMetadata.fluxSrpo?.images as { seed: number }[];
    expect(about.map(({ seed }) => seed)).toEqual([...Array(10).fill(7), ...Array(10).fill(8), 9]);
  });

  it('stops at an abort, and the next call works', async () => {
    const controller = new AbortController();
    const call = generateImage({
      model,
      prompt: 'a red fox',
      size: '256x256',
      providerOptions: { fluxSrpo: { ...fluxSrpo, num_inference_steps: 1000 } },
      abortSignal: controller.signal,
    });
    setTimeout(() => controller.abort(), 50);
    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    const { images } = await generateImage({ model, prompt: 'a fox', size: '48x32', providerOptions: { fluxSrpo } });
    expect(images).toHaveLength(1);
  });
});
