import { createHash } from 'node:crypto';
import { generateImage } from 'ai';
import { createFluxSrpo } from 'flux-srpo';
import { fluxSrpoImageModel } from 'flux-srpo/ai-sdk';
import { createLocalFetch } from 'flux-srpo/fetch';
import type { ImageResponse } from 'flux-srpo/wire';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenEngine, openEngine, SMALL, tinyBundle } from '../support/engine.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { schemaErrors } from './support/schema.ts';

// Oracle: the function call. Every other way must give its bytes: same engine, same bundle, same
// seed.

const REQUEST = { ...SMALL, seed: 7, n: 2, output_format: 'b64_json' } as const;

let local: OpenEngine;
let server: RunningServer;
let openai: OpenAI;
let expected: string[];

const hash = (base64: string) => createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex');

beforeAll(async () => {
  const files = await tinyBundle();
  [local, server] = await Promise.all([openEngine(files), startServer(files)]);
  const fetch = createLocalFetch(local.engine);
  openai = new OpenAI({ fetch, baseURL: 'http://local/v1', apiKey: 'none', maxRetries: 0 });
  const { data } = await local.engine.images.generate(REQUEST);
  expected = data.map(({ b64_json }) => hash(b64_json!));
});

afterAll(async () => {
  await server?.stop();
  await local?.[Symbol.asyncDispose]();
});

describe('the same request and seed give the same PNG bytes', () => {
  it('through the function call, two different pictures of one batch', async () => {
    const response = await local.engine.images.generate(REQUEST);
    expect(schemaErrors('ImageRequest', REQUEST)).toEqual([]);
    expect(schemaErrors('ImageResponse', response)).toEqual([]);
    expect(response.data.map(({ b64_json }) => hash(b64_json!))).toEqual(expected);
    expect(new Set(expected).size).toBe(2);
  });

  it('through the openai package on createLocalFetch', async () => {
    const response = await openai.images.generate(REQUEST as unknown as OpenAI.ImageGenerateParamsNonStreaming);
    expect(schemaErrors('ImageResponse', response)).toEqual([]);
    expect(response._request_id).toMatch(/^req_[0-9a-f]{24}$/);
    expect(response.data?.map(({ b64_json }) => hash(b64_json as string))).toEqual(expected);
  });

  it('through the openai package, streamed, with rough pictures on the way', async () => {
    const body = { ...REQUEST, stream: true, partial_images: 1 };
    expect(schemaErrors('ImageRequest', body)).toEqual([]);
    const stream = await openai.images.generate(body as unknown as OpenAI.ImageGenerateParamsStreaming);
    const events: OpenAI.ImageGenStreamEvent[] = [];
    for await (const event of stream) events.push(event);
    expect(events.flatMap((event) => schemaErrors('ImageEvent', event))).toEqual([]);
    // The one step between two lies in the middle: one rough picture of each of the two.
    expect(events.map((event) => event.type)).toEqual([
      'image_generation.partial_image',
      'image_generation.partial_image',
      'image_generation.completed',
      'image_generation.completed',
    ]);
    expect(events.map((event) => event.size)).toEqual(Array(4).fill('48x32'));
    expect(events.slice(2).map(({ b64_json }) => hash(b64_json!))).toEqual(expected);
  });

  it('through the openai package on serve, streamed', async () => {
    const remote = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const body = { ...REQUEST, stream: true, partial_images: 1 };
    const stream = await remote.images.generate(body as unknown as OpenAI.ImageGenerateParamsStreaming);
    const hashes: string[] = [];
    for await (const event of stream) {
      expect(schemaErrors('ImageEvent', event)).toEqual([]);
      if (event.type === 'image_generation.completed') hashes.push(hash(event.b64_json));
    }
    expect(hashes).toEqual(expected);
  });

  it('through the AI SDK', async () => {
    const { n, seed, prompt, size, num_inference_steps, max_sequence_length } = REQUEST;
    const { images, warnings, providerMetadata } = await generateImage({
      model: fluxSrpoImageModel(local.engine),
      prompt,
      size,
      n,
      seed,
      providerOptions: { fluxSrpo: { num_inference_steps, max_sequence_length } },
    });
    expect(warnings).toEqual([]);
    expect(images.map(({ base64 }) => hash(base64))).toEqual(expected);
    expect(providerMetadata.fluxSrpo?.images).toEqual([{ seed: 7 }, { seed: 7 }]);
  });

  it('through the library, with serve as its remote', async () => {
    await using flux = createFluxSrpo({ backend: 'remote', remote: { baseURL: `${server.url}/v1` } });
    const response = await flux.images.generate(REQUEST);
    expect(schemaErrors('ImageResponse', response)).toEqual([]);
    expect(response.backend).toBe('remote');
    expect(response.data.map(({ b64_json }) => hash(b64_json!))).toEqual(expected);
  });

  it('through raw fetch against serve, both ways of handing over', async () => {
    const post = async (body: object): Promise<ImageResponse> => {
      const response = await fetch(`${server.url}/v1/images/generations`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      expect(response.status).toBe(200);
      const answer = await response.json();
      expect(schemaErrors('ImageResponse', answer)).toEqual([]);
      return answer;
    };
    const inline = await post(REQUEST);
    expect(inline.data.map(({ b64_json }) => hash(b64_json!))).toEqual(expected);
    const linked = await post({ ...REQUEST, output_format: 'url' });
    for (const [i, { url, b64_json }] of linked.data.entries()) {
      expect(b64_json).toBeUndefined();
      expect(url!.startsWith(`${server.url}/images/`)).toBe(true);
      const picture = await fetch(url!);
      expect(picture.headers.get('content-type')).toBe('image/png');
      expect(hash(Buffer.from(await picture.arrayBuffer()).toString('base64'))).toBe(expected[i]);
    }
  });
});
