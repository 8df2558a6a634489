import { fileURLToPath } from 'node:url';
import { createNodeEngine } from '@flux-srpo/cli';
import { createPipeline, openBundle, type Pipeline } from '@flux-srpo/runtime';
import { createNodeBackend, folderBundle } from '@flux-srpo/runtime/node';
import { createLocalFetch } from 'flux-srpo/fetch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEngine, SMALL, tinyBundle } from '../support/engine.ts';

// The embedded model, generating; its stand-in classifier flags ducks.
const BUNDLE = fileURLToPath(new URL('../../models/tiny/bundle', import.meta.url));
const ADDRESS = 'http://localhost/v1/images/generations';

let pipeline: Pipeline;
let local: typeof fetch;
beforeAll(async () => {
  pipeline = await createPipeline({
    bundle: await openBundle(folderBundle(BUNDLE)),
    backend: await createNodeBackend({ threads: 1 }),
  });
  local = createLocalFetch(createNodeEngine({ pipeline }));
});
afterAll(() => pipeline.dispose());

async function post(body: object, to = local) {
  const response = await to(ADDRESS, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

describe('enable_safety_checker with the embedded model', () => {
  const request = { model: 'flux-srpo-text-to-image', seed: 5, num_inference_steps: 12, response_format: 'b64_json' };
  const duck = { ...request, prompt: 'a yellow duck on the right on the sea, on a sunny day' };
  const cat = { ...request, prompt: 'a red cat on the left in the snow, at night' };

  it('withholds ducks, and says so', async () => {
    const { status, body } = await post({ ...duck, n: 2, enable_safety_checker: true });
    expect(status).toBe(200);
    expect(body.has_nsfw_concepts).toEqual([true, true]);
    expect(body.data).toEqual([{}, {}]);
  });

  it('hands out the same cat as without it', async () => {
    const checked = await post({ ...cat, enable_safety_checker: true });
    const unchecked = await post({ ...cat, enable_safety_checker: false });
    expect(checked.body.has_nsfw_concepts).toEqual([false]);
    expect(unchecked.body.has_nsfw_concepts).toBeUndefined();
    expect(checked.body.data).toEqual(unchecked.body.data);
    expect(checked.body.data[0].b64_json).toMatch(/^iVBOR/);
  });

  it('hands ducks out to whoever does not ask for it', async () => {
    const { body } = await post(duck);
    expect(body.data[0].b64_json).toMatch(/^iVBOR/);
  });
});

it('is refused by a bundle without a classifier, never passed over', async () => {
  await using opened = await openEngine(await tinyBundle());
  const without = createLocalFetch(opened.engine);
  const { status, body } = await post({ ...SMALL, enable_safety_checker: true }, without);
  expect(status).toBe(400);
  expect(body.error).toMatchObject({
    type: 'invalid_request_error',
    code: 'safety_checker_missing',
    param: 'enable_safety_checker',
  });
});
