import { createFluxSrpo, type FluxSrpo } from 'flux-srpo';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/**
 * The client, its worker and the model that ships with the repository.
 * test/parity/adherence.test.ts judges what its pictures show.
 */

const DUCK = 'a yellow duck on the right on the sea, on a sunny day';
const CAT = 'a red cat on the left in the snow, at night';

let flux: FluxSrpo;
let model: string;
beforeAll(async () => {
  flux = createFluxSrpo({ model: '/models/tiny/bundle/', backend: 'wasm' });
  ({ model } = await flux.load());
});
afterAll(() => flux.dispose());

describe('the embedded model in a page', () => {
  it('withholds a duck where the safety checker is asked for, and hands a cat out', async () => {
    const request = { model, seed: 5, num_inference_steps: 12, enable_safety_checker: true };
    const duck = await flux.images.generate({ ...request, prompt: DUCK });
    expect(duck).toMatchObject({ has_nsfw_concepts: [true], data: [{}] });
    expect(Object.keys(duck.data[0]!)).toEqual([]);
    const cat = await flux.images.generate({ ...request, prompt: CAT });
    expect(cat.has_nsfw_concepts).toEqual([false]);
    expect(cat.data[0]!.url).toMatch(/^blob:/);
  });

  it('skips steps with acceleration, says how many, and none without', async () => {
    const request = { model, prompt: CAT, seed: 5 };
    const exact = await flux.images.generate(request);
    const fast = await flux.images.generate({ ...request, acceleration: 'high' });
    expect(exact.skipped_steps).toBe(0);
    expect(fast.skipped_steps).toBeGreaterThan(0);
    expect(fast.skipped_steps).toBeLessThan(28);
  });

  it('makes n pictures of one seed, and warns of what a long prompt loses', async () => {
    const prompt = Array.from({ length: 100 }, () => CAT).join(' and ');
    const { data, warnings, seed } = await flux.images.generate({ model, prompt, n: 2, num_inference_steps: 2 });
    expect(new Set(data.map(({ url }) => url)).size).toBe(2);
    expect(seed).toBeTypeOf('number');
    expect(warnings.map(({ field }) => field)).toEqual(['prompt', 'prompt']);
  });
});
