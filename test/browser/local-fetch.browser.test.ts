import { createFluxSrpo, type FluxSrpo } from 'flux-srpo';
import { createLocalFetch } from 'flux-srpo/fetch';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from 'vitest/browser';
import { SMALL } from './support/page.ts';

// Oracle: the function call. The openai package and fetch must hand over its bytes, and nothing may
// reach the network.

let flux: FluxSrpo;
let localFetch: typeof fetch;
let openai: OpenAI;
let body: OpenAI.ImageGenerateParamsNonStreaming;
let expected: string | undefined;

beforeAll(async () => {
  flux = createFluxSrpo({ model: await commands.serveFixtureBundle('a-3x32'), backend: 'wasm' });
  localFetch = createLocalFetch(flux, { fetch: () => Promise.reject(new Error('nothing may be passed on')) });
  openai = new OpenAI({
    fetch: localFetch,
    baseURL: 'https://images.example/v1',
    apiKey: '-',
    dangerouslyAllowBrowser: true,
  });
  const request = { model: (await flux.load()).model, ...SMALL, output_format: 'b64_json' } as const;
  body = request as unknown as OpenAI.ImageGenerateParamsNonStreaming;
  expected = (await flux.images.generate(request)).data[0]?.b64_json;
});

afterAll(() => flux?.dispose());

describe('createLocalFetch in a page', () => {
  it('gives the openai package the bytes of the function call', async () => {
    const { data, _request_id } = await openai.images.generate(body);
    expect(data?.[0]?.b64_json).toBe(expected);
    expect(_request_id).toMatch(/^req_/);
    expect((await openai.models.list()).data.map(({ id }) => id)).toEqual([body.model]);
  });

  it('streams a rough picture and then the picture', async () => {
    const events: OpenAI.ImageGenStreamEvent[] = [];
    const stream = await openai.images.generate({ ...body, stream: true, partial_images: 1 });
    for await (const event of stream) events.push(event);
    expect(events.map(({ type, size }) => `${type} ${size}`)).toEqual([
      'image_generation.partial_image 48x80',
      'image_generation.completed 48x80',
    ]);
    expect(events[1]?.b64_json).toBe(expected);
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${events[0]?.b64_json}`)).blob());
    // One pixel per 8×8.
    expect([bitmap.width, bitmap.height]).toEqual([6, 10]);
  });

  it('takes an address relative to the page, and gives an address that the page can show', async () => {
    const response = await localFetch('/v1/images/generations', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, output_format: 'url' }),
    });
    const { url } = (await response.json()).data[0];
    expect(url).toMatch(/^blob:/);
    const image = new Image();
    image.src = url;
    await image.decode();
    expect([image.naturalWidth, image.naturalHeight]).toEqual([48, 80]);
  });

  it('throws the openai package’s own errors', async () => {
    const wrong = openai.images.generate({ ...body, size: '50x50' as 'auto' });
    await expect(wrong).rejects.toMatchObject({ status: 400, param: 'size', code: 'invalid_size' });
  });

  it('asks nothing of the address it stands in for', () => {
    const asked = performance.getEntriesByType('resource').map(({ name }) => name);
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((name) => name.includes('images.example') || name.includes('/v1/'))).toEqual([]);
  });
});
