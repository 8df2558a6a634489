import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { ErrorCode, RemoteOptions } from 'flux-srpo';
import type { Limit } from './remote-limits.ts';
import { type Behave, drip, json, raw, repeat } from './remote-server.ts';

/** The key of all these tests. No error may contain it, nor the part behind its blank. */
export const CANARY = 'Bearer sk-canary-4f1c9e7d2b6a8035';

/** A PNG of one pixel. */
export const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

export const OK = { created: 1763850000, data: [{ url: '', b64_json: PNG, revised_prompt: '' }] };

export interface HostileRemote {
  name: string;
  behave: Behave;
  code: ErrorCode;
  options?: Partial<RemoteOptions>;
  /** What ends it. Without one it ends by itself. */
  limit?: Limit;
  /** Some fields of `error.details`. */
  details?: Record<string, unknown>;
  /** @default 1 */
  posts?: number;
}

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n';
const whole = JSON.stringify(OK);

/** An error page of a proxy, with the key in it. */
const PAGE = `<!doctype html><html><head><title>502 Bad Gateway</title></head><body><script>alert("${CANARY}")</script><h1>nginx</h1></body></html>`;

const html =
  (status: number): Behave =>
  (response) => {
    response.writeHead(status, { 'content-type': 'text/html' });
    response.end(PAGE);
  };
const answers =
  (body: unknown, status?: number, headers?: Record<string, string>): Behave =>
  (response) =>
    json(response, body, status, headers);
const bytes =
  (body: Uint8Array): Behave =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-16' });
    response.end(body);
  };
const nothing = (status: number): Behave => answers('', status);
const picture = (fields: Record<string, unknown>): Behave =>
  answers({ created: 1, data: [{ url: '', b64_json: '', revised_prompt: '', ...fields }] });

/** 64 times the cap of these tests, as blanks, which JSON allows. */
const BLANKS = Buffer.alloc(2 ** 26, ' ');
const compressed =
  (body: Uint8Array, encoding: string): Behave =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding });
    response.end(body);
  };

const TRANSPORT: HostileRemote[] = [
  { name: 'hangs before headers', behave: () => undefined, code: 'network/timeout', limit: 'headers' },
  {
    name: 'hangs within the status line',
    behave: (response) => raw(response, 'HTTP/1.1 20'),
    code: 'network/timeout',
    limit: 'headers',
  },
  {
    name: 'hangs within the headers',
    behave: (response) => raw(response, HEAD),
    code: 'network/timeout',
    limit: 'headers',
  },
  {
    name: 'drips headers without end',
    behave: (response) => drip(raw(response, HEAD), 'X-Drip: 1\r\n', 20),
    code: 'network/timeout',
    limit: 'headers',
  },
  {
    name: 'hangs after the headers',
    behave: (response) => raw(response, HEAD, 'Content-Length: 100\r\n\r\n'),
    code: 'network/timeout',
    limit: 'stall',
  },
  {
    name: 'hangs within the body',
    behave: (response) => raw(response, HEAD, `Content-Length: ${whole.length}\r\n\r\n`, whole.slice(0, 40)),
    code: 'network/timeout',
    limit: 'stall',
  },
  {
    name: 'drips a body without end',
    behave: (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      return repeat(response, ' ', 20);
    },
    code: 'network/timeout',
    limit: 'total',
  },
  {
    name: 'sends only early hints',
    behave: (response) => raw(response, 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'),
    code: 'network/timeout',
    limit: 'headers',
  },
  { name: 'hangs up without a word', behave: (response) => raw(response).destroy(), code: 'network/unreachable' },
  { name: 'resets the connection', behave: (response) => raw(response).resetAndDestroy(), code: 'network/unreachable' },
  {
    name: 'does not speak HTTP',
    behave: (response) => raw(response, 'SSH-2.0-x\r\n').end(),
    code: 'network/unreachable',
  },
  {
    name: 'sends a megabyte of headers',
    behave: (response) => raw(response, HEAD, `X-Huge: ${'a'.repeat(2 ** 20)}\r\n\r\n{}`),
    code: 'network/unreachable',
  },
  {
    name: 'switches protocols unasked',
    behave: (response) =>
      raw(response, 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
    code: 'network/unreachable',
  },
  {
    name: 'cuts a body of stated length',
    behave: (response) => raw(response, HEAD, `Content-Length: ${whole.length}\r\n\r\n`, whole.slice(0, 40)).end(),
    code: 'network/truncated',
    details: { bytes: 40 },
  },
  {
    name: 'states ten times the length',
    behave: (response) => raw(response, HEAD, `Content-Length: ${10 * whole.length}\r\n\r\n`, whole).end(),
    code: 'network/truncated',
  },
  {
    name: 'cuts a chunked body',
    behave: (response) => raw(response, HEAD, 'Transfer-Encoding: chunked\r\n\r\nff\r\n{"created"').end(),
    code: 'network/truncated',
  },
  {
    name: 'resets in mid body',
    behave: async (response) => {
      const socket = raw(response, HEAD, 'Content-Length: 1000\r\n\r\n{"created"');
      // A reset takes with it what the other end has not read.
      await sleep(500);
      socket.resetAndDestroy();
    },
    code: 'network/truncated',
  },
  {
    name: 'sends plain text as gzip',
    behave: answers(OK, 200, { 'content-encoding': 'gzip' }),
    code: 'network/truncated',
  },
  {
    name: 'cuts a gzip stream',
    behave: compressed(gzipSync(whole).subarray(0, 60), 'gzip'),
    // Node's decoder gives what it has, and the text then does not parse.
    code: 'network/response-invalid',
  },
  {
    name: 'states a tenth of the length',
    behave: (response) => raw(response, HEAD, `Content-Length: ${Math.floor(whole.length / 10)}\r\n\r\n`, whole),
    code: 'network/response-invalid',
  },
];

const SIZE: HostileRemote[] = [
  {
    name: 'states ten gigabytes',
    behave: (response) => raw(response, HEAD, 'Content-Length: 10000000000\r\n\r\n{'),
    code: 'network/response-invalid',
  },
  {
    name: 'sends without end',
    behave: (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      return repeat(response, ' '.repeat(2 ** 16));
    },
    code: 'network/response-invalid',
  },
  {
    name: 'sends a gzip bomb',
    behave: compressed(gzipSync(BLANKS, { level: 1 }), 'gzip'),
    code: 'network/response-invalid',
  },
  {
    name: 'sends a brotli bomb',
    behave: compressed(brotliCompressSync(BLANKS, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }), 'br'),
    code: 'network/response-invalid',
  },
  {
    name: 'sends base64 above the cap',
    behave: picture({ b64_json: PNG.slice(0, 12).padEnd(2 ** 21, 'A') }),
    code: 'network/response-invalid',
  },
  {
    name: 'sends JSON of half a million brackets',
    behave: answers(`{"created":1,"data":${'['.repeat(250_000)}${']'.repeat(250_000)}}`),
    code: 'network/response-invalid',
  },
  {
    name: 'sends a hundred thousand pictures',
    behave: answers(`{"created":1,"data":[${'{},'.repeat(99_999)}{}]}`),
    code: 'network/response-invalid',
  },
  {
    name: 'sends an endless error page',
    behave: (response) => {
      response.writeHead(500, { 'content-type': 'text/html' });
      return repeat(response, '<p>'.repeat(2 ** 14));
    },
    code: 'network/status',
    details: { status: 500 },
  },
];

/** Answers that arrive but are wrong. */
const SHAPE: [name: string, behave: Behave][] = [
  ['answers 200 with a page', html(200)],
  ['answers with a page as JSON', answers(PAGE)],
  ['answers 200 with nothing', answers('')],
  ['answers 200 with blanks', answers('   \n')],
  ['answers 204', (response) => response.writeHead(204).end()],
  ['answers 202 with a job', answers({ id: 'job', status: 'queued' }, 202)],
  ['answers with half a document', answers(whole.slice(0, -10))],
  ['answers with two documents', answers(whole + whole)],
  ['answers with other text after the document', answers(`${whole}</html>`)],
  ['answers with invalid UTF-8', bytes(Buffer.from([0x22, 0xff, 0x22]))],
  ['answers in UTF-16', bytes(Buffer.from(`\ufeff${whole}`, 'utf16le'))],
  ['answers with an event stream', answers(`data: ${whole}\n\n`, 200, { 'content-type': 'text/event-stream' })],
  ['answers with JSON as text', answers(whole, 200, { 'content-type': 'text/plain' })],
  ['answers with a picture', answers('\x89PNG', 200, { 'content-type': 'image/png' })],
  ['answers with an error at 200', answers({ error: { message: `no such key ${CANARY}`, code: 401 } })],
  ['answers with {}', answers({})],
  ['answers with []', answers([])],
  ['answers with null', answers(null)],
  ['answers with a string', answers('"ok"')],
  ['answers without data', answers({ created: 1 })],
  ['answers with data: null', answers({ created: 1, data: null })],
  ['answers with data: {}', answers({ created: 1, data: {} })],
  ['answers with data that looks like a list', answers({ created: 1, data: { 0: OK.data[0], length: 1 } })],
  ['answers with data: []', answers({ created: 1, data: [] })],
  ['answers with data: [null]', answers({ created: 1, data: [null] })],
  ['answers with more pictures than asked for', answers({ created: 1, data: [OK.data[0], OK.data[0]] })],
  ['hides the data in a prototype', answers(`{"__proto__":${whole}}`)],
  ['repeats a key, the last being wrong', answers(`${whole.slice(0, -1)},"data":7}`)],
  ['says created: NaN', answers(whole.replace('1763850000', 'NaN'))],
  ['says created: "now"', answers({ ...OK, created: 'now' })],
  ['says created: 1e999', answers(whole.replace('1763850000', '1e999'))],
  ['says created: -1', answers({ ...OK, created: -1 })],
  ['does not say created', answers({ data: OK.data })],
  ['gives a picture without anything in it', picture({})],
  ['gives base64 with other characters', picture({ b64_json: `${PNG.slice(0, 40)}*_-~${PNG.slice(44)}` })],
  ['gives base64 that lacks its end', picture({ b64_json: PNG.slice(0, -3) })],
  ['gives base64 with padding inside', picture({ b64_json: `${PNG.slice(0, 20)}====${PNG.slice(24)}` })],
  ['gives base64 of a page', picture({ b64_json: btoa(PAGE) })],
  ['gives base64 with a data: prefix', picture({ b64_json: `data:image/png;base64,${PNG}` })],
  ['gives base64 as a number', picture({ b64_json: 7 })],
  ['gives a javascript: URL', picture({ url: 'javascript:alert(1)' })],
  ['gives a file: URL', picture({ url: 'file:///etc/passwd' })],
  ['gives a blob: URL', picture({ url: 'blob:https://example.com/1' })],
  ['gives a relative URL', picture({ url: '/image.png' })],
  ['gives a data: URL of a page', picture({ url: 'data:text/html,<script>alert(1)</script>' })],
  ['gives a data: URL of an SVG', picture({ url: `data:image/svg+xml;base64,${btoa('<svg/>')}` })],
  ['gives a data: URL of a PNG that is none', picture({ url: `data:image/png;base64,${btoa(PAGE)}` })],
  ['gives a URL that is an object', picture({ url: { href: 'https://example.com' } })],
  ['says seed: "7"', answers({ ...OK, seed: '7' })],
  ['flags two of one picture', answers({ ...OK, has_nsfw_concepts: [false, true] })],
  ['flags with a word', answers({ ...OK, has_nsfw_concepts: ['no'] })],
];

const said = (message: string, code: unknown, type = 'invalid_request_error', param: unknown = ''): unknown => ({
  error: { message, type, param, code },
});

const STATUS: HostileRemote[] = [
  {
    name: '400 that names a field',
    behave: answers(said('bad steps', 'whatever', 'invalid_request_error', 'num_inference_steps'), 400),
    code: 'input/rejected',
    details: { field: 'num_inference_steps' },
  },
  { name: '400 without a body', behave: nothing(400), code: 'input/rejected' },
  { name: "sd-server's 400", behave: answers({ error: 'prompt required' }, 400), code: 'input/rejected' },
  {
    name: '401 that repeats the key',
    behave: answers(said(`Incorrect API key provided: ${CANARY}`, 'invalid_api_key', 'authentication_error'), 401),
    code: 'input/unauthorized',
  },
  {
    name: '401 that repeats the key in escapes, in its id and broken by marks',
    behave: answers(
      JSON.stringify(
        said(`${CANARY.slice(0, 12)}<b></b>${CANARY.slice(12)} ${encodeURIComponent(CANARY)}`, 401),
      ).replace('canary', '\\u0063anary'),
      401,
      { 'x-request-id': CANARY },
    ),
    code: 'input/unauthorized',
  },
  { name: '401 with a page', behave: html(401), code: 'input/unauthorized' },
  { name: '401 without a body', behave: nothing(401), code: 'input/unauthorized' },
  { name: '403', behave: answers(said('not yours', 403, 'permission_error'), 403), code: 'input/unauthorized' },
  { name: '404', behave: answers(said('no such model', 'model_not_found'), 404), code: 'model/not-found' },
  { name: '404 with a page', behave: html(404), code: 'model/not-found' },
  { name: '405 without a body', behave: nothing(405), code: 'network/status' },
  { name: '408', behave: nothing(408), code: 'network/timeout' },
  { name: '409', behave: answers(said('busy', 'model_not_loaded', 'conflict_error'), 409), code: 'network/status' },
  { name: '413', behave: nothing(413), code: 'input/too-large' },
  {
    name: '422 whose code is a number',
    behave: answers(said('Invalid size', 422), 422),
    code: 'input/rejected',
    details: { remote: { status: 422, type: 'invalid_request_error', code: '422' } },
  },
  {
    name: '422 of the content policy',
    behave: answers(said('Invalid prompt detected.', 422, 'content_policy_violation'), 422),
    code: 'input/content-policy',
  },
  {
    name: "fal's 422",
    behave: answers(
      { detail: [{ loc: ['body', 'num_images'], msg: 'ensure this value is at most 4', type: 'value_error' }] },
      422,
    ),
    code: 'input/rejected',
    options: { service: 'fal' },
    details: { field: 'num_images' },
  },
  {
    name: "fal's 401",
    behave: answers({ detail: 'Cannot access application' }, 401),
    code: 'input/unauthorized',
    options: { service: 'fal' },
  },
  { name: '429 that does not say when', behave: answers(said('slow down', 429), 429), code: 'network/rate-limited' },
  {
    name: '429 with an hour to wait',
    behave: answers(said('quota', 'insufficient_quota'), 429, { 'retry-after': '3600' }),
    code: 'network/rate-limited',
  },
  {
    name: '429 that must not be retried',
    behave: answers('', 429, { 'retry-after': '0', 'x-should-retry': 'false' }),
    code: 'network/rate-limited',
  },
  {
    name: '429 that says no time',
    behave: answers('', 429, { 'retry-after': 'soon' }),
    code: 'network/rate-limited',
  },
  {
    name: '429 with a pause longer than all the time there is',
    behave: answers('', 429, { 'retry-after': '30' }),
    code: 'network/rate-limited',
    limit: 'total',
  },
  { name: '429 for ever', behave: answers('', 429, { 'retry-after': '0' }), code: 'network/rate-limited', posts: 3 },
  { name: '503 for ever', behave: answers('', 503, { 'retry-after': '0' }), code: 'network/status', posts: 3 },
  { name: '500', behave: answers(said('out of memory', 'internal', 'server_error'), 500), code: 'network/status' },
  { name: '500 that asks for another try', behave: answers('', 500, { 'retry-after': '0' }), code: 'network/status' },
  { name: "sd-server's 500", behave: answers({ error: 'server_error', message: 'boom' }, 500), code: 'network/status' },
  { name: '500 without a body', behave: nothing(500), code: 'network/status' },
  { name: '502 with a page', behave: html(502), code: 'network/status' },
  { name: '503 that does not say when', behave: html(503), code: 'network/status' },
  { name: '504', behave: html(504), code: 'network/timeout' },
  { name: '599', behave: nothing(599), code: 'network/status' },
  {
    name: '500 whose body is cut',
    behave: (response) => raw(response, 'HTTP/1.1 500 No\r\nContent-Length: 999\r\n\r\n{"error":{"mess').end(),
    code: 'network/status',
  },
  {
    name: '401 whose body never comes',
    behave: (response) => raw(response, 'HTTP/1.1 401 No\r\nContent-Length: 999\r\n\r\n'),
    code: 'input/unauthorized',
    limit: 'stall',
  },
  {
    name: '400 that is cut within the key',
    behave: (response) =>
      raw(response, `HTTP/1.1 400 No\r\nContent-Length: 999\r\n\r\n{"error":"no key ${CANARY.slice(0, 22)}`).end(),
    code: 'input/rejected',
    details: { snippet: '{"error":"no key [redacted]' },
  },
  {
    name: '400 that grows too large within the key',
    behave: async (response) => {
      response.writeHead(400);
      response.write(`no key ${CANARY.slice(0, 22)}`);
      await sleep(50);
      response.end(CANARY.slice(22).padEnd(2 ** 17, '.'));
    },
    code: 'input/rejected',
    details: { snippet: 'no key [redacted]' },
  },
  {
    name: '307 to itself',
    behave: (response) => response.writeHead(307, { location: '/' }).end(),
    code: 'network/unreachable',
  },
  { name: '302 to nowhere', behave: (response) => response.writeHead(302).end(), code: 'network/unreachable' },
];

export const HOSTILE: readonly HostileRemote[] = [
  ...TRANSPORT,
  ...SIZE,
  ...SHAPE.map(([name, behave]) => ({ name, behave, code: 'network/response-invalid' as const })),
  ...STATUS,
];
