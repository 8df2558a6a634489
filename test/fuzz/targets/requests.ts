import { fromWireError, type WireError } from '@flux-srpo/core';
import { createRemote } from 'flux-srpo/remote';
import { parseRequest } from 'flux-srpo/wire';
import { resolveOptions } from '../../../packages/images/src/client/options.ts';
import { pageHome } from '../../../packages/images/src/client/page-home.ts';
import { assertGoesOn, type Checkpoint } from '../../../packages/runtime/src/generation/checkpoint.ts';
import { type GenerateRequest, resolveRequest } from '../../../packages/runtime/src/request.ts';
import { type FuzzTarget, isRefusal, jsonBytes, MANIFEST, parseJson, require, textBytes } from './target.ts';

/** What callers and servers send. */

/** The smallest PNG file that there is, in base64. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNiAAAABgADNjd8qAAAAABJRU5ErkJggg==';

const SERVICES = ['flux-srpo', 'openai', 'fal'] as const;
const BODY = {
  created: 1,
  data: [{ b64_json: PNG, seed: 7, revised_prompt: 'a' }, { url: 'https://a.example/b.png' }],
};
const ANSWERS = [
  { ...BODY, seed: 7, has_nsfw_concepts: [false, true], warnings: [{ field: 'n', reason: 'one' }] },
  { images: [{ url: `data:image/png;base64,${PNG}` }, { url: 'https://a.example/b.png' }], seed: 7 },
  { error: { message: 'no', type: 'invalid_request_error', param: 'n', code: 'out_of_range' } },
  { detail: [{ loc: ['body', 'n'], msg: 'no', type: 'value_error' }] },
];

const event = (data: Record<string, unknown>) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const partial = (image_index: number, partial_image_index: number) =>
  event({ type: 'image_generation.partial_image', b64_json: PNG, image_index, partial_image_index, size: '16x16' });
const completed = (image_index: number) =>
  event({ type: 'image_generation.completed', b64_json: PNG, image_index, created_at: 1, seed: 7 });

/** A request to a server that answers with these bytes. */
function ask(bytes: Uint8Array, contentType: string, stream: boolean): Promise<void> {
  return isRefusal(async () => {
    const service = SERVICES[(bytes.at(-1) ?? 0) % SERVICES.length]!;
    // 400 for some, so that refusals are read too. None that would be asked again after a pause.
    const status = bytes.length % 4 === 0 ? 400 : 200;
    const headers = { 'content-type': contentType };
    const fetch = async () => new Response(new Uint8Array(bytes), { status, headers });
    const remote = createRemote({
      baseURL: 'https://a.example/v1',
      service,
      fetch,
      imageOrigins: ['https://a.example'],
    });
    const request = { model: 'a', prompt: 'a', n: 2, output_format: 'b64_json' } as const;
    const { data } = await remote.generate(
      stream && service !== 'fal' ? { ...request, stream, partial_images: 2 } : request,
    );
    require(data.length <= 2, `${data.length} pictures`);
  });
}

/** Numbers that arrive as JSON, where structured clone has typed arrays. */
function withArrays(value: unknown): unknown {
  if (Array.isArray(value)) return value.every((each) => typeof each === 'number') ? Float32Array.from(value) : value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withArrays(each)]));
}

export const REQUESTS: Readonly<Record<string, FuzzTarget>> = {
  request: {
    isJson: true,
    seeds: [
      jsonBytes({ model: 'a', prompt: 'a', size: '48x80', num_inference_steps: 2, guidance_scale: 3.5, seed: 7, n: 2 }),
      jsonBytes({ model: 'a', prompt: 'a', image_size: { width: 48, height: 80 }, stream: true, partial_images: 2 }),
      jsonBytes({ model: 'a', prompt: 'a', acceleration: 'high', enable_safety_checker: null, output_format: 'png' }),
    ],
    run: (bytes) =>
      isRefusal(() => {
        const body = parseJson(bytes);
        if (body !== undefined) parseRequest(body.json as Parameters<typeof parseRequest>[0]);
      }),
  },
  /** What crosses between page and worker, and what an earlier page has left in IndexedDB. */
  worker: {
    isJson: true,
    seeds: [
      jsonBytes({
        options: { model: { url: '/a', sha256: 'a'.repeat(64), mirrors: ['/b'] }, backend: 'wasm', threads: 2 },
        request: { prompt: 'a', size: { width: 16, height: 16 }, steps: 2, n: 1, maxSequenceLength: 1 },
        from: { step: 1, skipped: 0, latents: [1], prompt: { promptEmbeds: [1], pooled: [1] } },
        error: {
          name: 'DeviceError',
          message: 'a',
          code: 'device/lost',
          details: {},
          cause: { name: 'a', message: 'b' },
        },
      }),
    ],
    run: async (bytes) => {
      const { options = {}, request, from, error } = (parseJson(bytes)?.json ?? {}) as Record<string, unknown>;
      await isRefusal(() => void resolveOptions(options as object, pageHome));
      await isRefusal(() => {
        const resolved = resolveRequest(request as GenerateRequest, MANIFEST);
        assertGoesOn(withArrays(from) as Checkpoint, resolved, MANIFEST.config.transformer);
      });
      if (typeof error === 'object' && error !== null)
        require(fromWireError(error as WireError) instanceof Error, 'no error');
    },
  },
  answer: {
    isJson: true,
    seeds: ANSWERS.map(jsonBytes),
    run: (bytes) => ask(bytes, 'application/json', false),
  },
  stream: {
    seeds: [
      textBytes(`: hello\n\n${partial(0, 0)}${partial(0, 1)}${completed(0)}${completed(1)}data: [DONE]\n\n`),
      textBytes(`${partial(0, 0)}event: error\ndata: {"type":"error","error":{"message":"no","code":"a"}}\n\n`),
    ],
    run: (bytes) => ask(bytes, 'text/event-stream', true),
  },
};
