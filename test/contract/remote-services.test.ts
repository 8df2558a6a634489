import { readFileSync } from 'node:fs';
import { createFluxSrpo, type ImageRequest } from 'flux-srpo';
import { createRemote, type RemoteOptions, SERVICES, type ServiceDescription } from 'flux-srpo/remote';
import { describe, expect, it } from 'vitest';
import { PNG } from './support/remote-hostile.ts';
import { json, type Received, type RemoteServer, startServer } from './support/remote-server.ts';

/** Answers are as the services' own documents and sources show them. No service is contacted. */

const PROMPT = 'a red ball';
const REQUEST: ImageRequest = { model: 'flux-srpo-text-to-image', prompt: PROMPT };
const EVERYTHING: ImageRequest = {
  ...REQUEST,
  size: 'portrait_16_9',
  num_inference_steps: 20,
  guidance_scale: 3.5,
  seed: 42,
  n: 2,
};
const PICTURE_URL = 'https://images.example/1.png';

/** Sends a request; gives what went out and what came back. */
async function exchange(
  service: RemoteOptions['service'],
  request: ImageRequest,
  answer: unknown,
  options: Partial<RemoteOptions> = {},
) {
  await using server = await startServer((response) => json(response, answer));
  const remote = createRemote({ baseURL: server.baseURL, ...(service === undefined ? {} : { service }), ...options });
  const response = await remote.generate(request);
  expect(server.requests).toHaveLength(1);
  return { response, sent: JSON.parse((server.requests[0] as Received).body), to: server.requests[0]?.url };
}

describe('this endpoint', () => {
  const answer = {
    data: [{ url: PICTURE_URL, b64_json: '', revised_prompt: '' }],
    created: 1763850000,
  };

  it('gets the fields as they are, what is left open left open, and a seed to report', async () => {
    const { sent, to, response } = await exchange('flux-srpo', REQUEST, answer);
    expect(to).toBe('/v1/images/generations');
    const { seed, ...rest } = sent;
    // Siraya's own default for acceleration is `regular`.
    expect(rest).toEqual({
      model: 'flux-srpo-text-to-image',
      prompt: PROMPT,
      acceleration: 'none',
      output_format: 'url',
    });
    expect(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32).toBe(true);
    // Strictly: what the service sends as "" is left out.
    expect(response).toStrictEqual({
      created: 1763850000,
      data: [{ url: PICTURE_URL }],
      seed,
      model: 'flux-srpo-text-to-image',
      backend: 'remote',
      warnings: [],
    });
  });

  it('gets a field that is null as one that was not sent', async () => {
    const nulls = { n: null, size: null, seed: null, quality: null, response_format: null, stream: null };
    const { sent, response } = await exchange('flux-srpo', { ...REQUEST, ...nulls }, answer);
    expect(sent).toEqual({ ...REQUEST, acceleration: 'none', output_format: 'url', seed: expect.any(Number) });
    expect(response.warnings).toEqual([]);
  });

  it('is the default service', async () => {
    expect((await exchange(undefined, REQUEST, answer)).to).toBe('/v1/images/generations');
  });

  it('gets everything that can be asked for', async () => {
    const request: ImageRequest = {
      ...EVERYTHING,
      acceleration: 'high',
      enable_safety_checker: true,
      max_sequence_length: 256,
      response_format: 'b64_json',
    };
    const data = [0, 1].map(() => ({ b64_json: PNG }));
    const { sent } = await exchange('flux-srpo', request, { created: 1, data });
    const { response_format, ...same } = request;
    expect(sent).toEqual({ ...same, output_format: response_format });
  });

  it.each([
    [{ size: 'square' }, { size: 'square' }],
    [{ size: '1024x768' }, { image_size: { width: 1024, height: 768 } }],
    [{ image_size: { width: 512, height: 640 } }, { image_size: { width: 512, height: 640 } }],
    [{ size: 'auto' }, {}],
  ] as const)('gets the size %j as %j', async (size, expected) => {
    const { sent } = await exchange('flux-srpo', { ...REQUEST, ...size }, answer);
    expect({ size: sent.size, image_size: sent.image_size }).toEqual({
      size: undefined,
      image_size: undefined,
      ...expected,
    });
  });

  it("reports the server's own seeds and flags", async () => {
    const data = [1, 2].map((seed) => ({ b64_json: PNG, revised_prompt: 'a ball', seed }));
    const request: ImageRequest = { ...REQUEST, n: 2, output_format: 'b64_json' };
    const { response } = await exchange('flux-srpo', request, {
      created: 1,
      data,
      seed: 7,
      has_nsfw_concepts: [false, false],
    });
    expect(response).toMatchObject({ seed: 7, has_nsfw_concepts: [false, false], data });
  });
});

describe('an OpenAI-compatible server', () => {
  const answer = { created: 1763850000, data: [{ b64_json: PNG, url: null, revised_prompt: null }, { b64_json: PNG }] };

  it.each([
    [
      'openai',
      {
        model: REQUEST.model,
        prompt: PROMPT,
        n: 2,
        size: '576x1024',
        response_format: 'b64_json',
        seed: 42,
        num_inference_steps: 20,
        step: 20,
        guidance_scale: 3.5,
      },
      ['seed', 'num_inference_steps', 'guidance_scale'],
    ],
    [
      'vllm-omni',
      {
        model: REQUEST.model,
        prompt: PROMPT,
        n: 2,
        size: '576x1024',
        response_format: 'b64_json',
        seed: 42,
        num_inference_steps: 20,
        guidance_scale: 3.5,
      },
      [],
    ],
    [
      'sd-server',
      {
        model: REQUEST.model,
        prompt: `${PROMPT} <sd_cpp_extra_args>{"seed":42,"sample_params":{"sample_steps":20,"guidance":{"distilled_guidance":3.5}}}</sd_cpp_extra_args>`,
        n: 2,
        size: '576x1024',
        output_format: 'png',
      },
      [],
    ],
  ] as const)(
    'of the kind %s gets its own spelling; extensions that it may ignore are warned of',
    async (service, expected, warned) => {
      const { sent, to, response } = await exchange(service, EVERYTHING, answer);
      expect(to).toBe('/v1/images/generations');
      expect(sent).toEqual(expected);
      expect(response.warnings.map(({ field }) => field)).toEqual(warned);
      expect(response).toMatchObject({ created: 1763850000, seed: 42, backend: 'remote' });
      expect(response.data).toHaveLength(2);
    },
  );

  it('of the kind localai gets its own name for steps, and has none for guidance', async () => {
    const request: ImageRequest = { ...REQUEST, size: 'portrait_16_9', num_inference_steps: 20, seed: 42, n: 2 };
    const urls = { id: 'x', created: 1, data: [{ url: PICTURE_URL }, { url: PICTURE_URL }] };
    const { sent, response } = await exchange('localai', request, urls);
    expect(sent).toEqual({
      model: REQUEST.model,
      prompt: PROMPT,
      n: 2,
      size: '576x1024',
      response_format: 'b64_json',
      seed: 42,
      step: 20,
    });
    expect(response.data[0]?.url).toBe(PICTURE_URL);
    await expect(exchange('localai', EVERYTHING, urls)).rejects.toMatchObject({
      code: 'input/field-unsupported',
      details: { field: 'guidance_scale' },
    });
  });

  it("gets the contract's default size, and no seed that it may not know", async () => {
    const { sent, response } = await exchange('openai', REQUEST, { created: 1, data: [{ b64_json: PNG }] });
    expect(sent).toEqual({ model: REQUEST.model, prompt: PROMPT, size: '1024x768', response_format: 'b64_json' });
    expect(response).not.toHaveProperty('seed');
  });

  it('refuses, before anything is sent, what would change the picture and has no field; what asks for nothing passes', async () => {
    await using server = await startServer((response) => json(response, answer));
    for (const [field, value] of [
      ['acceleration', 'high'],
      ['enable_safety_checker', true],
      ['max_sequence_length', 256],
    ] as const) {
      const remote = createRemote({ baseURL: server.baseURL, service: 'openai' });
      await expect(remote.generate({ ...REQUEST, [field]: value })).rejects.toMatchObject({
        code: 'input/field-unsupported',
        details: { field },
      });
    }
    expect(server.requests).toHaveLength(0);
    const neutral: ImageRequest = {
      ...REQUEST,
      n: 2,
      acceleration: 'none',
      enable_safety_checker: false,
      stream: false,
    };
    await expect(exchange('openai', neutral, answer)).resolves.toBeDefined();
  });

  it("does not let a prompt bring settings along for stable-diffusion.cpp's server", async () => {
    const prompt = 'x <sd_cpp_extra_args>{"seed":1}</sd_cpp_extra_args>';
    await expect(exchange('sd-server', { ...REQUEST, prompt }, answer)).rejects.toMatchObject({
      code: 'input/conflict',
      details: { field: 'prompt' },
    });
  });
});

describe('fal', () => {
  const answer = {
    images: [{ url: PICTURE_URL, width: 1024, height: 768, content_type: 'image/png' }],
    timings: { inference: 2.1 },
    seed: 7,
    has_nsfw_concepts: [false],
    prompt: PROMPT,
  };
  const model = (server: RemoteServer) => `${server.baseURL}/fal-ai/flux/srpo`;

  it("gets the contract's defaults where its own differ, and answers in its own shape", async () => {
    await using server = await startServer((response) => json(response, answer));
    const remote = createRemote({ baseURL: model(server), service: 'fal', apiKey: 'Key abc:def' });
    const before = Math.floor(Date.now() / 1000);
    const response = await remote.generate({ ...REQUEST, seed: 42 });
    const [received] = server.requests as [Received];
    expect(received.url).toBe('/fal-ai/flux/srpo');
    expect(received.headers.authorization).toBe('Key abc:def');
    expect(JSON.parse(received.body)).toEqual({
      prompt: PROMPT,
      seed: 42,
      image_size: 'landscape_4_3',
      enable_safety_checker: false,
      acceleration: 'none',
      output_format: 'png',
      sync_mode: false,
    });
    // fal returns the seed that it used.
    expect(response).toMatchObject({ seed: 7, has_nsfw_concepts: [false], data: [{ url: PICTURE_URL }] });
    expect(response.created).toBeGreaterThanOrEqual(before);
  });

  it('gets its own names for count, size and transport; a data: URL becomes base64', async () => {
    const url = `data:image/png;base64,${PNG}`;
    const request: ImageRequest = { ...EVERYTHING, size: '512x640', output_format: 'b64_json' };
    const { sent, response } = await exchange('fal', request, {
      ...answer,
      images: [{ url }, { url }],
      has_nsfw_concepts: [false, false],
    });
    expect(sent).toMatchObject({ num_images: 2, image_size: { width: 512, height: 640 }, sync_mode: true });
    expect(sent).not.toHaveProperty('n');
    expect(response.data[0]).toStrictEqual({ b64_json: PNG });
  });

  it('whose picture is flagged gives none, and says so', async () => {
    const { response } = await exchange(
      'fal',
      { ...REQUEST, enable_safety_checker: true },
      { ...answer, has_nsfw_concepts: [true] },
    );
    expect(response.has_nsfw_concepts).toEqual([true]);
    expect(response.data).toStrictEqual([{}]);
  });
});

describe('a service of the caller', () => {
  it('is described by data', async () => {
    const service = {
      ...SERVICES['flux-srpo'],
      name: 'mine',
      path: '/draw',
      request: {
        ...SERVICES['flux-srpo'].request,
        fields: { prompt: { to: ['input.text'] }, seed: { to: ['input.seed'] } },
        omitted: ['model', 'acceleration'],
        constants: { version: 3 },
        presets: { to: 'input.size', as: 'WIDTHxHEIGHT' },
        transport: { to: 'inline', values: { url: 0, b64_json: 1 } },
      },
      answer: { images: 'output.pictures', image: { b64_json: '0.png' } },
    } as const;
    const { sent, to, response } = await exchange(
      service,
      { ...REQUEST, seed: 1, size: 'square_hd', output_format: 'b64_json' },
      { output: { pictures: [[{ png: PNG }]] } },
    );
    expect(to).toBe('/draw');
    expect(sent).toEqual({ version: 3, input: { text: PROMPT, seed: 1, size: '1024x1024' }, inline: 1 });
    expect(response.data[0]?.b64_json).toBe(PNG);
  });
});

/** A block of docs/services.md, for those who know nothing of the package's inside. */
function block(name: string): string {
  const page = readFileSync(new URL('../../docs/services.md', import.meta.url), 'utf8');
  return new RegExp(`^\`\`\`json ${name}\\.json\\n(.*?)^\`\`\`$`, 'ms').exec(page)?.[1] ?? '';
}

const MINE: ServiceDescription = JSON.parse(block('description'));

describe('a service that the package does not know', () => {
  it('is described in plain data, given to the client, and asked in its own words', async () => {
    await using server = await startServer((response) => json(response, JSON.parse(block('answer'))));
    await using flux = createFluxSrpo({
      backend: 'remote',
      remote: { baseURL: server.baseURL, service: MINE, model: 'their-name', apiKey: 'abc' },
    });
    const response = await flux.images.generate({ prompt: PROMPT, size: 'square', seed: 1, num_inference_steps: 4 });
    const [received] = server.requests as [Received];
    expect([received.url, received.headers['x-token']]).toEqual(['/v2/draw', 'Token abc']);
    expect(JSON.parse(received.body)).toEqual(JSON.parse(block('request')));
    expect(response).toStrictEqual({
      created: expect.any(Number),
      data: [{ url: `data:image/png;base64,${JSON.parse(block('answer')).result.pictures[0].png}` }],
      seed: 7,
      model: 'their-name',
      backend: 'remote',
      warnings: [{ field: 'num_inference_steps', reason: 'may be rounded' }],
    });
  });

  it('gets a field that it does not have only where omitted says so, and then not at all', async () => {
    await using server = await startServer((response) => json(response, JSON.parse(block('answer'))));
    const request: ImageRequest = { ...REQUEST, guidance_scale: 2, size: 'square', seed: 1, num_inference_steps: 4 };
    const remote = (omitted: ServiceDescription['request']['omitted']) =>
      createRemote({
        baseURL: server.baseURL,
        model: 'their-name',
        service: { ...MINE, request: { ...MINE.request, ...(omitted && { omitted }) } },
      });
    await expect(remote(undefined).generate(request)).rejects.toMatchObject({ details: { field: 'guidance_scale' } });
    expect(server.requests).toHaveLength(0);
    const { warnings } = await remote(['guidance_scale']).generate({ ...request, model: 'their-name' });
    expect(warnings.map(({ field }) => field)).toEqual(['num_inference_steps']);
    expect(JSON.parse((server.requests[0] as Received).body)).toEqual(JSON.parse(block('request')));
  });

  it('is explained field by field: the page names every field of every description, and no other', () => {
    const page = readFileSync(new URL('../../docs/services.md', import.meta.url), 'utf8');
    const named = [...page.matchAll(/^\| `([\w.…]+)` \|/gm)].map(([, field = '']) => field.replace('.….', '.'));
    const explained = new Set(named);
    expect(named).toHaveLength(explained.size);
    const request = [
      'fields',
      'omitted',
      'defaults',
      'constants',
      'dispensable',
      'presets',
      'pixels',
      'transport',
      'stream',
      'embedding',
    ];
    const answer = ['images', 'image', 'created', 'seed', 'flagged', 'warnings'];
    expect([...explained].sort()).toEqual(
      [
        ...['name', 'path', 'models', 'error', 'auth.header', 'auth.scheme'],
        ...['request.fields.warning', 'request.fields.isEmbedded'],
        ...request.map((field) => `request.${field}`),
        ...answer.map((field) => `answer.${field}`),
      ].sort(),
    );
    const used = Object.values(SERVICES).flatMap((service) => [
      ...Object.keys(service.request).map((field) => `request.${field}`),
      ...Object.keys(service.answer).map((field) => `answer.${field}`),
    ]);
    expect(used.filter((field) => !explained.has(field))).toEqual([]);
  });

  it('says in its own places what is wrong', async () => {
    await using server = await startServer((response) => json(response, JSON.parse(block('error')), 400));
    const remote = createRemote({ baseURL: server.baseURL, service: MINE });
    await expect(remote.generate(REQUEST)).rejects.toMatchObject({
      message: 'too many steps',
      details: { field: 'num_inference_steps', remote: { type: 'limit', code: 'limit' } },
    });
  });

  it.each<[string, object, string]>([
    ['without a path', { path: undefined }, 'service.path'],
    ['with a path that is another URL', { path: 'https://other.example/' }, 'service.path'],
    ['with a field that does not exist', { method: 'PUT' }, 'service.method'],
    ['with a header that none can be', { auth: { header: 'a b' } }, 'service.auth.header'],
    ['with a scheme of two words', { auth: { header: 'A', scheme: 'a b' } }, 'service.auth.scheme'],
    [
      'with a field of the request that does not exist',
      { request: { ...MINE.request, fields: { steps: { to: ['steps'] } } } },
      'service.request.fields.steps',
    ],
    [
      'with a place inside a prototype',
      { request: { ...MINE.request, fields: { prompt: { to: ['__proto__.text'] } } } },
      'service.request.fields.prompt.to[0]',
    ],
    [
      'with a size in another form',
      { request: { ...MINE.request, pixels: { to: 'size', as: 'name' } } },
      'service.request.pixels.as',
    ],
    ['without a place for pictures', { answer: { image: {} } }, 'service.answer.images'],
    ['with one place where a list is due', { error: { ...MINE.error, code: 'kind' } }, 'service.error.code'],
  ])('is refused %s, before anything is sent', (_, mistake, field) => {
    const service = { ...MINE, ...mistake } as ServiceDescription;
    expect(() => createRemote({ baseURL: 'http://127.0.0.1:9', service })).toThrow(
      expect.objectContaining({ name: 'InputError', details: expect.objectContaining({ field }) }),
    );
  });

  it('is offered where a name is not known, by the option that the caller wrote', () => {
    const remote = { baseURL: 'http://127.0.0.1:9', service: 'replicate' as 'fal' };
    const expected =
      'service must be one of flux-srpo, openai, localai, vllm-omni, sd-server, fal, or a description (ServiceDescription), got "replicate"';
    expect(() => createRemote(remote)).toThrow(expect.objectContaining({ message: expected }));
    expect(() => createFluxSrpo({ backend: 'remote', remote })).toThrow(
      expect.objectContaining({
        message: `remote.${expected}`,
        details: expect.objectContaining({ field: 'remote.service' }),
      }),
    );
  });

  it('is refused by the name that the caller wrote', async () => {
    const service = { ...MINE, method: 'PUT' } as ServiceDescription;
    await using flux = createFluxSrpo({ backend: 'remote', remote: { baseURL: 'http://127.0.0.1:9', service } });
    await expect(flux.images.generate({ prompt: PROMPT })).rejects.toMatchObject({
      details: { field: 'remote.service.method' },
    });
  });

  it('is what the known ones are: each passes the same check', () => {
    for (const service of Object.values(SERVICES)) {
      expect(() => createRemote({ baseURL: 'http://127.0.0.1:9', service: { ...service } })).not.toThrow();
    }
  });
});

describe('a request without a model', () => {
  const answer = { created: 1, data: [{ b64_json: PNG }], images: [{ url: `data:image/png;base64,${PNG}` }] };
  const { model: _, ...UNNAMED } = REQUEST;

  it("gets the client's name for the server's model; one that names a model keeps its own", async () => {
    const unnamed = await exchange('openai', UNNAMED, answer, { model: 'theirs' });
    expect([unnamed.sent.model, unnamed.response.model]).toEqual(['theirs', 'theirs']);
    const named = await exchange('openai', { ...REQUEST, model: 'mine' }, answer, { model: 'theirs' });
    expect([named.sent.model, named.response.model]).toEqual(['mine', 'mine']);
  });

  it('is refused where the service needs a name and the client has none, and goes over where it needs none', async () => {
    const remote = createRemote({ baseURL: 'http://127.0.0.1:9' });
    await expect(remote.generate(UNNAMED)).rejects.toMatchObject({
      code: 'input/required',
      details: { field: 'model' },
    });
    const { response } = await exchange('fal', UNNAMED, answer);
    expect(response).not.toHaveProperty('model');
  });
});

describe('what an answer names', () => {
  const png = Buffer.from(PNG, 'base64');
  const servePicture = () =>
    startServer((response, { url }) => {
      if (url === '/huge') response.end(Buffer.alloc(2 ** 21));
      else if (url === '/page') response.end('<html>');
      else if (url === '/gone') response.writeHead(404).end();
      else if (url === '/moved') response.writeHead(302, { location: '/1.png' }).end();
      else if (url === '/slow') return;
      else response.end(png);
    });
  const ask = async (url: string, options: Partial<RemoteOptions> = {}) => {
    const { response } = await exchange(
      'flux-srpo',
      { ...REQUEST, output_format: 'b64_json' },
      { created: 1, data: [{ url, b64_json: '', revised_prompt: '' }] },
      { apiKey: 'Bearer sk-canary-4f1c9e7d2b6a8035', maxBytes: 2 ** 20, ...options },
    );
    return response;
  };

  it('is not fetched, unless the caller allowed its origin; without that the URL comes with a warning', async () => {
    await using other = await servePicture();
    const url = `${other.baseURL}/1.png`;
    const response = await ask(url, { imageOrigins: ['https://images.example'] });
    expect(other.requests).toHaveLength(0);
    expect(response.data[0]).toStrictEqual({ url });
    expect(response.warnings).toEqual([
      { field: 'output_format', reason: `the picture comes as a url: ${other.baseURL} is not one of imageOrigins` },
    ]);
  });

  it('is fetched from an allowed origin, without the key', async () => {
    await using other = await servePicture();
    const response = await ask(`${other.baseURL}/1.png`, { imageOrigins: [`${other.baseURL}/`] });
    expect(response.data[0]).toStrictEqual({ b64_json: PNG });
    expect(response.warnings).toEqual([]);
    expect(other.requests.map(({ method, headers }) => [method, headers.authorization])).toEqual([['GET', undefined]]);
  });

  it.each(['/huge', '/page', '/gone', '/moved'])(
    'comes as its URL and a warning where %s is no picture',
    async (path) => {
      await using other = await servePicture();
      const response = await ask(other.baseURL + path, { imageOrigins: [other.baseURL] });
      expect(response.data[0]).toStrictEqual({ url: other.baseURL + path });
      expect(response.warnings).toHaveLength(1);
      expect(other.requests).toHaveLength(1);
    },
  );

  it('comes as its URL and a warning where its server does not answer in time', async () => {
    await using other = await servePicture();
    const options = { imageOrigins: [other.baseURL], timeouts: { headers: 1500 } };
    const response = await ask(`${other.baseURL}/slow`, options);
    expect(response.data[0]).toStrictEqual({ url: `${other.baseURL}/slow` });
    expect(response.warnings[0]?.reason).toContain('within 1500 ms');
  });

  it('as base64 becomes a data: URL where a URL is wanted', async () => {
    const { response } = await exchange('openai', REQUEST, { created: 1, data: [{ b64_json: PNG }] });
    expect(response.data[0]).toStrictEqual({ url: `data:image/png;base64,${PNG}` });
  });

  it.each([
    ['image/jpeg', [0xff, 0xd8, 0xff, 0xe0, 0, 16]],
    ['image/webp', [...Buffer.from('RIFF\x10\0\0\0WEBPVP8 ')]],
  ])('is taken for what its bytes say: %s', async (type, bytes) => {
    const base64 = Buffer.from(bytes).toString('base64');
    const { response } = await exchange('openai', REQUEST, { created: 1, data: [{ b64_json: base64 }] });
    expect(response.data[0]?.url).toBe(`data:${type};base64,${base64}`);
  });
});

describe('a server whose models refuse response_format', () => {
  // As OpenAI answers for gpt-image-1, FastAPI for a strict model, and a gateway in its own words.
  const openai = { error: { message: "Unknown parameter: 'response_format'.", param: 'response_format' } };
  const fastapi = { detail: [{ loc: ['body', 'response_format'], msg: 'Extra inputs are not permitted' }] };
  const fields = (server: RemoteServer) => server.requests.map(({ body }) => 'response_format' in JSON.parse(body));

  it.each([
    ['400 and base64', 400, openai, { b64_json: PNG }],
    ['422 and base64', 422, fastapi, { b64_json: PNG }],
    ['400 in its own words and an address', 400, 'response_format is not supported', { url: PICTURE_URL }],
  ])('is asked again without it, then at once without it: %s', async (_, status, refusal, picture) => {
    await using server = await startServer((response, { body }) =>
      'response_format' in JSON.parse(body)
        ? json(response, refusal, status)
        : json(response, { created: 1763850000, data: [picture] }),
    );
    const remote = createRemote({ baseURL: server.baseURL, service: 'openai' });
    const request: ImageRequest = { model: 'gpt-image-1', prompt: PROMPT };
    const { data } = await remote.generate({ ...request, output_format: 'b64_json' in picture ? 'b64_json' : 'url' });
    expect(data).toEqual([picture]);
    await remote.generate(request);
    await remote.generate({ ...request, model: 'dall-e-3' });
    // The other model may take it, so it is asked anew.
    expect(fields(server)).toEqual([true, false, false, true, false]);
  });

  it('is not asked again where it refuses something else, or the field that is not there any more', async () => {
    const refusals = [{ error: { message: 'Unknown parameter: quality', param: 'quality' } }, openai];
    for (const [i, refusal] of refusals.entries()) {
      await using server = await startServer((response) => json(response, refusal, 400));
      const remote = createRemote({ baseURL: server.baseURL, service: 'openai' });
      await expect(remote.generate({ model: 'gpt-image-1', prompt: PROMPT })).rejects.toMatchObject({
        code: 'input/rejected',
      });
      expect(fields(server)).toEqual([true, false].slice(0, i + 1));
    }
  });
});
