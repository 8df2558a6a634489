import { FLUX1_DEV } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { completeInfo, FLUX_SRPO_INFO } from './bundle-info.ts';

const UNGUIDED = { ...FLUX1_DEV, transformer: { ...FLUX1_DEV.transformer, guidance_embeds: false } };

describe('what a bundle says of itself where nobody has said it', () => {
  it('is FLUX.1 SRPO’s for a transformer with guidance, and is said to be assumed', () => {
    const { info, assumed } = completeInfo({}, FLUX1_DEV);
    expect(info).toEqual(FLUX_SRPO_INFO);
    expect(assumed).toEqual([
      'taken from FLUX.1 [dev] SRPO: the name, the licence, the default of 28 steps with guidance 4.5, the default of 512 tokens',
    ]);
  });

  it('is unknown without guidance, with the steps and prompts of FLUX.1 [schnell]', () => {
    const { info, assumed } = completeInfo({}, UNGUIDED);
    // black-forest-labs/flux@802fb47 cli.py: 4 steps and 256 tokens where the name is flux-schnell.
    expect(info).toMatchObject({
      name: 'FLUX.1 without guidance (name unknown)',
      licence: { id: 'unknown' },
      defaults: { num_inference_steps: 4, guidance_scale: 0 },
      max_sequence_length: 256,
    });
    expect(JSON.stringify(info)).not.toMatch(/srpo/i);
    expect(assumed).toEqual([
      'unknown: the name, the licence',
      'taken from FLUX.1 [schnell], because the transformer has no guidance embedding: the default of 4 steps, the default of 256 tokens',
    ]);
  });

  it('is what was given, and nothing of that is assumed', () => {
    const { name, licence, defaults } = FLUX_SRPO_INFO;
    const { info, assumed } = completeInfo({ name, licence, defaults, max_sequence_length: 128 }, UNGUIDED);
    expect(info).toMatchObject({ name, licence, defaults, max_sequence_length: 128 });
    expect(assumed).toEqual([]);
  });
});
