import { FLUX1_DEV, fluxSigmas } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import type { TensorShapes } from '../key-maps/namings.ts';
import { bflShapes, bflTransformerNames, toBflVae } from '../test-support/bfl.ts';
import {
  clipShapes,
  FLUX1_SIZES,
  type Shapes,
  t5Shapes,
  transformerShapes,
  vaeShapes,
} from '../test-support/diffusers-shapes.ts';
import { memorySource } from '../test-support/memory.ts';
import { readModelConfig } from './pipeline.ts';

const DIFFUSERS = transformerShapes(FLUX1_SIZES);
const SHAPES = {
  transformer: bflShapes(bflTransformerNames(FLUX1_SIZES), DIFFUSERS),
  text_encoder: clipShapes('text_model.', { vocab: 49408, width: 768, ff: 3072, layers: 12, positions: 77 }),
  text_encoder_2: t5Shapes({ vocab: 32128, width: 4096, inner: 4096, heads: 64, ff: 10240, layers: 24 }),
  vae: vaeShapes([128, 256, 512, 512], 2),
};

/** The config of a model that is four single files without a config. */
async function configOf(shapes: Partial<typeof SHAPES>) {
  const tensors = Object.fromEntries(
    Object.entries({ ...SHAPES, ...shapes }).map(([component, own]): [string, TensorShapes] => [
      component,
      new Map([...own].map(([name, shape]) => [name, { shape }])),
    ]),
  ) as Record<keyof typeof SHAPES, TensorShapes>;
  const singleFiles = { transformer: 'flux.gguf', text_encoder: 'clip', text_encoder_2: 't5', vae: 'ae' };
  return (await readModelConfig({ ...memorySource(new Map()), singleFiles }, 49407, tensors)).config;
}

/** What is left of some shapes. */
function without(shapes: Shapes, prefix: string): Shapes {
  return new Map([...shapes].filter(([name]) => !name.startsWith(prefix)));
}

describe('the shape of FLUX.1 [dev], read off its tensors', () => {
  it('is FLUX.1 [dev]’s, in either naming', async () => {
    expect(await configOf({})).toEqual(FLUX1_DEV);
    expect(await configOf({ transformer: DIFFUSERS })).toEqual(FLUX1_DEV);
    const values = new Float32Array(0);
    const bflVae = toBflVae(new Map([...SHAPES.vae].map(([name, shape]) => [name, { shape, values }])));
    expect(await configOf({ vae: new Map([...bflVae].map(([name, { shape }]) => [name, shape])) })).toEqual(FLUX1_DEV);
  });

  it('has no guidance embedding where the file has none, as FLUX.1 [schnell]', async () => {
    const config = await configOf({ transformer: without(SHAPES.transformer, 'guidance_in') });
    expect(config.transformer.guidance_embeds).toBe(false);
    // Oracle: diffusers' FlowMatchEulerDiscreteScheduler with FLUX.1 [schnell]'s config.
    expect([...fluxSigmas(4, 256, config.scheduler)]).toEqual([1, 0.75, 0.5, 0.25, 0]);
    const dev = await configOf({});
    expect(fluxSigmas(4, 256, dev.scheduler)[1]).toBeCloseTo(0.832, 3);
  });

  it('refuses the wider input of FLUX.1 Fill, naming the file', async () => {
    const fill = new Map(SHAPES.transformer).set('img_in.weight', [3072, 384]);
    await expect(configOf({ transformer: fill })).rejects.toThrow(/^flux\.gguf: in_channels must be 64/);
  });

  it('refuses heads whose rotary axes it cannot know', async () => {
    const other = transformerShapes({ ...FLUX1_SIZES, headDim: 64 });
    await expect(configOf({ transformer: other })).rejects.toThrow('axes_dims_rope');
  });

  it('refuses files of something else', async () => {
    const code = 'format/config-unsupported';
    await expect(configOf({ transformer: SHAPES.vae })).rejects.toMatchObject({ code });
    await expect(configOf({ text_encoder_2: SHAPES.text_encoder })).rejects.toMatchObject({ code });
    await expect(configOf({ vae: without(SHAPES.vae, 'decoder.up_blocks.3') })).rejects.toMatchObject({ code });
  });
});
