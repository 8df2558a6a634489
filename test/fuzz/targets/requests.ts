import { fromWireError, type WireError } from '@flux-srpo/core';
import { createRemote } from 'flux-srpo/remote';
import { parseRequest } from 'flux-srpo/wire';
import { resolveOptions } from '../../../packages/images/src/client/options.ts';
import { pageHome } from '../../../packages/images/src/client/page-home.ts';
import { assertGoesOn, type Checkpoint } from '../../../packages/runtime/src/generation/checkpoint.ts';
import { type GenerateRequest, resolveRequest } from '../../../packages/runtime/src/request.ts';
import { type FuzzTarget, isRead, jsonBytes, MANIFEST, parseJson, require, textBytes } from './target.ts';

/** What callers and servers send. */

/** The smallest PNG file that there is, in base64. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNiAAAABgADNjd8qAAAAABJRU5ErkJggg==';

const SERVICES = ['flux-srpo', 'openai', 'fal'] as const;
type Service = (typeof SERVICES)[number];
const PICTURE = 'https://a.example/b.png';
const BODY = { created: 1, data: [{ b64_json: PNG, seed: 7, revised_prompt: 'a' }, { url: PICTURE }] };
const OK = [
  {
    service: 'flux-srpo',
    status: 200,
    body: { ...BODY, seed: 7, has_nsfw_concepts: [false, true], warnings: [{ field: 'n', reason: 'one' }] },
  },
  { service: 'openai', status: 200, body: BODY },
  {
    service: 'fal',
    status: 200,
    body: { images: [{ url: `data:image/png;base64,${PNG}` }, { url: PICTURE }], seed: 7 },
  },
];
const ERROR = { message: 'no', type: 'invalid_request_error', param: 'n', code: 'out_of_range' };
const NOT_OK = [
  { service: 'flux-srpo', status: 400, body: { error: ERROR } },
  { service: 'openai', status: 400, body: { error: ERROR } },
  { service: 'fal', status: 422, body: { detail: [{ loc: ['body', 'n'], msg: 'no', type: 'value_error' }] } },
];

const event = (data: Record<string, unknown>) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const partial = (image_index: number, partial_image_index: number) =>
  event({ type: 'image_generation.partial_image', b64_json: PNG, image_index, partial_image_index, size: '16x16' });
const completed = (image_index: number) =>
  event({ type: 'image_generation.completed', b64_json: PNG, image_index, created_at: 1, seed: 7 });

interface Answer {
  service: Service;
  status: number;
  contentType: string;
  body: Uint8Array | string;
}

/** A request to a server that answers so. */
function ask({ service, status, contentType, body }: Answer, stream: boolean): Promise<boolean> {
  return isRead(async () => {
    const fetch = async (url: string | URL | Request) =>
      String(url) === PICTURE
        ? new Response(Buffer.from(PNG, 'base64'), { headers: { 'content-type': 'image/png' } })
        : new Response(body as BodyInit, { status, headers: { 'content-type': contentType } });
    const remote = createRemote({
      baseURL: 'https://a.example/v1',
      service,
      fetch,
      imageOrigins: ['https://a.example'],
    });
    const request = { model: 'a', prompt: 'a', n: 2, output_format: 'b64_json' } as const;
    const { data } = await remote.generate(stream ? { ...request, stream, partial_images: 2 } : request);
    require(data.length <= 2, `${data.length} pictures`);
  });
}

/** A typed array, in JSON: how many zeros. */
const floats = (count: number) => ({ floats: count });

function withArrays(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { floats: count } = value as { floats?: unknown };
  if (Number.isInteger(count) && (count as number) >= 0 && (count as number) < 1e5)
    return new Float32Array(count as number);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withArrays(each)]));
}

const { in_channels, joint_attention_dim, pooled_projection_dim } = MANIFEST.config.transformer;
/** Of a picture of one token, and a prompt of one. */
const CHECKPOINT = {
  step: 1,
  skipped: 0,
  latents: floats(in_channels),
  prompt: { promptEmbeds: floats(joint_attention_dim), pooled: floats(pooled_projection_dim) },
};
const PIXELS = { prompt: 'a', size: { width: 16, height: 16 }, steps: 2, n: 1, maxSequenceLength: 1 };
const FAILURE = {
  name: 'DeviceError',
  message: 'a',
  code: 'device/lost',
  details: {},
  cause: { name: 'a', message: 'b' },
};

export const REQUESTS: Readonly<Record<string, FuzzTarget>> = {
  request: {
    isJson: true,
    seeds: [
      jsonBytes({ model: 'a', prompt: 'a', size: '48x80', num_inference_steps: 2, guidance_scale: 3.5, seed: 7, n: 2 }),
      jsonBytes({ model: 'a', prompt: 'a', image_size: { width: 48, height: 80 }, stream: true, partial_images: 2 }),
      jsonBytes({ model: 'a', prompt: 'a', acceleration: 'high', enable_safety_checker: null, output_format: 'png' }),
    ],
    run: (bytes) => isRead(() => void parseRequest(parseJson(bytes)?.json)),
  },
  /** What crosses between page and worker, and what an earlier page has left in IndexedDB. */
  worker: {
    isJson: true,
    seeds: [
      jsonBytes({
        options: { model: { url: '/a', sha256: 'a'.repeat(64), mirrors: ['/b'] }, backend: 'wasm', threads: 2 },
        request: PIXELS,
        from: CHECKPOINT,
        error: FAILURE,
      }),
      jsonBytes({
        options: { model: 'opfs:a', fallback: 'never', maxQueue: 1, keep: false },
        request: { ...PIXELS, acceleration: 'high' },
        from: { ...CHECKPOINT, computed: { step: 0, latents: floats(in_channels) } },
        error: FAILURE,
      }),
    ],
    run: async (bytes) => {
      const { options = {}, request, from, error } = (parseJson(bytes)?.json ?? {}) as Record<string, unknown>;
      if (typeof error === 'object' && error !== null)
        require(fromWireError(error as WireError) instanceof Error, 'no error');
      const areOptions = await isRead(() => void resolveOptions(options as object, pageHome));
      const goesOn = await isRead(() => {
        const resolved = resolveRequest(request as GenerateRequest, MANIFEST);
        assertGoesOn(withArrays(from) as Checkpoint, resolved, MANIFEST.config.transformer);
      });
      return areOptions && goesOn;
    },
  },
  answer: {
    isJson: true,
    seeds: OK.map(jsonBytes),
    refused: NOT_OK.map(jsonBytes),
    run: (bytes) => {
      const { service, status, body } = (parseJson(bytes)?.json ?? { body: bytes }) as Partial<Answer>;
      const answer = {
        service: SERVICES.find((each) => each === service) ?? 'flux-srpo',
        // None that would be asked again after a pause.
        status: status === 400 || status === 422 ? status : 200,
        contentType: 'application/json',
        body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body ?? null),
      };
      return ask(answer, false);
    },
  },
  /** Behind one digit: which of the services that stream. */
  stream: {
    seeds: [
      ...[0, 1].map((service) =>
        textBytes(
          `${service}: hello\n\n${partial(0, 0)}${partial(0, 1)}${completed(0)}${completed(1)}data: [DONE]\n\n`,
        ),
      ),
    ],
    refused: [
      textBytes(`0${partial(0, 0)}event: error\ndata: {"type":"error","error":{"message":"no","code":"a"}}\n\n`),
    ],
    run: (bytes) => {
      const service = SERVICES[(bytes[0] ?? 0) % 2]!;
      return ask({ service, status: 200, contentType: 'text/event-stream', body: bytes.slice(1) }, true);
    },
  },
};
