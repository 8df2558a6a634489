import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpSource } from './http-source.ts';
import { openRetrying } from './open-retrying.ts';

const BYTES = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7) % 256);
const HTML = '<!doctype html><title>Not found</title>';

type Handler = (request: IncomingMessage, response: ServerResponse, start: number, end: number) => void;

/** An honest range server. */
const honest: Handler = (_, response, start, end) => {
  response.writeHead(206, {
    'content-range': `bytes ${start}-${end - 1}/${BYTES.length}`,
    'content-length': end - start,
  });
  response.end(BYTES.subarray(start, end));
};

/** Each path is a server with one fault. */
const HANDLERS: Record<string, Handler> = {
  honest,
  'no-content-range': (request, response, start, end) => {
    if (request.method === 'HEAD') response.writeHead(200, { 'content-length': BYTES.length }).end();
    else response.writeHead(206).end(BYTES.subarray(start, end));
  },
  'ignores-range': (_, response) => response.writeHead(200, { 'content-length': BYTES.length }).end(BYTES),
  'ignores-range-chunked': (_, response) => response.writeHead(200).end(BYTES),
  'large-chunked': (_, response) => response.writeHead(200).end(Buffer.alloc(17 * 2 ** 20)),
  'other-size': (_, response) => response.writeHead(200, { 'content-length': 4000 }).end(BYTES.subarray(0, 4000)),
  'short-body': (_, response, start, end) => {
    response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${BYTES.length}` });
    response.end(BYTES.subarray(start, end - 1));
  },
  'long-body': (_, response, start, end) => {
    response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${BYTES.length}` });
    response.end(BYTES.subarray(start, end + 1));
  },
  'cut-connection': (_, response, start, end) => {
    response.writeHead(206, {
      'content-range': `bytes ${start}-${end - 1}/${BYTES.length}`,
      'content-length': end - start,
    });
    response.write(BYTES.subarray(start, start + 10), () => response.destroy());
  },
  'other-range': (_, response, start, end) => {
    response.writeHead(206, { 'content-range': `bytes ${start + 1}-${end}/${BYTES.length}` });
    response.end(BYTES.subarray(start + 1, end + 1));
  },
  'other-start': (_, response, start, end) => {
    response.writeHead(206, { 'content-range': `bytes ${start - 1}-${end - 1}/${BYTES.length}` });
    response.end(BYTES.subarray(start - 1, end - 1));
  },
  'other-total': (_, response, start, end) => {
    response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/9999` }).end(BYTES.subarray(start, end));
  },
  compressed: (_, response, start, end) => {
    response.writeHead(206, { 'content-encoding': 'gzip' }).end(gzipSync(BYTES.subarray(start, end)));
  },
  html: (_, response) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(HTML),
  missing: (_, response) => response.writeHead(404).end(HTML),
  broken: (_, response) => response.writeHead(503).end(),
  busy: (_, response) => response.writeHead(429, { 'retry-after': '7' }).end(),
  'not-satisfiable': (_, response) => response.writeHead(416, { 'content-range': 'bytes */100' }).end(),
  'drops-connection': (request) => request.socket.destroy(),
  silent: () => undefined,
  'stops-in-the-middle': (_, response, start, end) => {
    response.writeHead(206, {
      'content-range': `bytes ${start}-${end - 1}/${BYTES.length}`,
      'content-length': end - start,
    });
    response.write(BYTES.subarray(start, start + 10));
  },
  // Together longer than the silence after which a read is given up.
  slow: async (_, response, start, end) => {
    response.writeHead(206, {
      'content-range': `bytes ${start}-${end - 1}/${BYTES.length}`,
      'content-length': end - start,
    });
    for (let at = start; at < end; at += 5) {
      response.write(BYTES.subarray(at, Math.min(at + 5, end)));
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    response.end();
  },
  'compressed-whole': (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(BYTES)),
  locked: (_, response) => response.writeHead(401).end(),
  gated: (_, response) => response.writeHead(403).end(),
};

let server: Server;
let base: string;
const seen: { method: string; range: string | undefined; authorization: string | undefined }[] = [];

/** Requests that the client left before they were answered. */
const hungUp: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const { range, authorization } = request.headers;
    seen.push({ method: request.method!, range, authorization });
    response.once('close', () => response.writableFinished || hungUp.push(request.url!));
    const match = /^bytes=(\d+)-(\d+)$/.exec(range ?? '');
    const [start, end] = match === null ? [0, BYTES.length] : [Number(match[1]), Number(match[2]) + 1];
    HANDLERS[request.url!.split('?')[0]!.slice(1)]!(request, response, start, end);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const sized = (path: string, options = {}) => httpSource(`${base}/${path}`, { size: BYTES.length, ...options });

describe('httpSource', () => {
  it('asks for exactly the range it is asked for, with the headers it was given', async () => {
    const source = await sized('honest', { headers: { authorization: 'Bearer x' } });
    seen.length = 0;
    expect(await source.read(1234, 100)).toEqual(BYTES.slice(1234, 1334));
    expect(await source.read(0, BYTES.length)).toEqual(BYTES);
    expect(await source.read(BYTES.length, 0)).toHaveLength(0);
    expect(seen).toEqual([
      { method: 'GET', range: 'bytes=1234-1333', authorization: 'Bearer x' },
      { method: 'GET', range: 'bytes=0-4999', authorization: 'Bearer x' },
    ]);
  });

  it('does not ask for a size it was told', async () => {
    seen.length = 0;
    expect((await sized('honest')).size).toBe(5000);
    expect(seen).toEqual([]);
  });

  const SIZED = ['honest', 'no-content-range', 'ignores-range', 'ignores-range-chunked'];
  it.each(SIZED)('finds the size on a server that is %s', async (path) => {
    expect((await httpSource(`${base}/${path}`)).size).toBe(5000);
  });

  it.each(['no-content-range', 'ignores-range', 'ignores-range-chunked'])(
    'reads the right bytes from a server that is %s',
    async (path) => {
      const source = await sized(path);
      expect(await source.read(1234, 100)).toEqual(BYTES.slice(1234, 1334));
      expect(await source.read(4990, 10)).toEqual(BYTES.slice(4990));
    },
  );

  it('does not read through gigabytes when a server ignores ranges', async () => {
    const size = 8 * 2 ** 30;
    const source = await httpSource(`${base}/ignores-range-chunked`, { size });
    await expect(source.read(6 * 2 ** 30, 10)).rejects.toThrow('must answer range requests with 206, got 200');
  });

  it.each([
    ['short-body', 'network/truncated', 'expected 100 bytes of body, got 99'],
    ['long-body', 'network/status', 'must answer with 100 bytes, got more'],
    ['cut-connection', 'network/unreachable', 'the connection broke'],
    ['other-range', 'network/status', 'must answer with bytes 1000-1099/5000, got "bytes 1001-1100/5000"'],
    ['other-start', 'network/status', 'got "bytes 999-1099/5000"'],
    ['other-total', 'network/status', 'got "bytes 1000-1099/9999"'],
    ['other-size', 'network/status', 'must have 5000 bytes, got 4000'],
    ['compressed', 'network/status', 'got content-encoding "gzip"'],
    ['html', 'network/status', 'must be a file, got an HTML page'],
    ['missing', 'network/status', 'got 404'],
    ['broken', 'network/status', 'got 503'],
    ['not-satisfiable', 'format/truncated', 'expected 5000 bytes, but the server has no 100 bytes at 1000'],
    ['drops-connection', 'network/unreachable', '127.0.0.1:'],
  ])('turns %s into %s', async (path, code, message) => {
    const source = await sized(path);
    const error: unknown = await source.read(1000, 100).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code });
    expect((error as Error).message).toContain(message);
    expect((error as Error).message.startsWith(`${path}: `)).toBe(true);
  });

  it('passes on how long a busy server wants to be left alone', async () => {
    const details = { status: 429, retryAfterMs: 7000 };
    await expect(httpSource(`${base}/busy`)).rejects.toMatchObject({ code: 'network/status', details });
  });

  it.each(['html', 'missing', 'broken', 'drops-connection'])('fails to open %s', async (path) => {
    await expect(httpSource(`${base}/${path}`)).rejects.toMatchObject({ name: 'NetworkError' });
  });

  describe('whose file is replaced between two reads', () => {
    /** What the server says of the file, and how long it is. */
    interface Said {
      headers: Record<string, string>;
      size?: number;
    }
    let said: Said;
    /** Reads once, lets the server have another file, reads again. */
    async function readAcross(before: Said, after: Said): Promise<unknown> {
      HANDLERS.changing = (_, response, start, end) => {
        const size = said.size ?? BYTES.length;
        if (start >= size) return void response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
        response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${size}`, ...said.headers });
        response.end(BYTES.subarray(start, end));
      };
      said = before;
      const source = await httpSource(`${base}/changing?signature=secret`);
      expect(await source.read(0, 100)).toEqual(BYTES.slice(0, 100));
      said = after;
      return await source.read(1000, 100).catch((error: unknown) => error);
    }
    const tag = (etag: string): Said => ({ headers: { etag } });
    const date = (second: number): Said => ({
      headers: { 'last-modified': new Date(1.7e12 + 1000 * second).toUTCString() },
    });
    const size = (bytes: number): Said => ({ headers: {}, size: bytes });

    it.each<[string, Said, Said, string]>([
      ['strong entity tags', tag('"a"'), tag('"b"'), '5000 bytes ("a"), got 5000 bytes ("b")'],
      ['weak entity tags', tag('W/"a"'), tag('W/"b"'), '5000 bytes (W/"a"), got 5000 bytes (W/"b")'],
      ['dates', date(0), date(1), ':20 GMT), got 5000 bytes (Tue, 14 Nov 2023 22:13:21 GMT)'],
      ['dates, beside a tag that is gone', { headers: { ...tag('"a"').headers, ...date(0).headers } }, date(1), '"a"'],
      ['sizes', size(5000), size(5001), 'expected 5000 bytes, got 5001 bytes'],
      ['sizes, where the range is no longer there', size(5000), size(900), 'expected 5000 bytes, got 900 bytes'],
    ])('tells it by %s, and names the URL', async (_, before, after, message) => {
      const error = await readAcross(before, after);
      expect(error).toMatchObject({ name: 'InputError', code: 'input/conflict' });
      expect((error as Error).message).toContain(`${base}/changing must not change while it is read: `);
      expect((error as Error).message).toContain(message);
      expect((error as Error).message).toContain('start again');
      expect(JSON.stringify([(error as Error).message, (error as { details: unknown }).details])).not.toContain(
        'secret',
      );
    });

    it.each<[string, Said, Said]>([
      ['a cache on the way weakens the tag', tag('"a"'), tag('W/"a"')],
      [
        'the tag stays and only the date moves',
        { headers: { etag: '"a"', ...date(0).headers } },
        { headers: { etag: '"a"', ...date(9).headers } },
      ],
      ['the server says nothing of it any more', tag('"a"'), size(5000)],
    ])('takes it for the same where %s', async (_, before, after) => {
      expect(await readAcross(before, after)).toEqual(BYTES.slice(1000, 1100));
    });

    it('does not ask again: another try would meet the same file', async () => {
      HANDLERS.changing = (_, response, start, end) => {
        response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/5000`, ...said.headers });
        response.end(BYTES.subarray(start, end));
      };
      said = tag('"a"');
      const source = await openRetrying(() => httpSource(`${base}/changing`), { delays: [60_000] });
      said = tag('"b"');
      seen.length = 0;
      await expect(source.read(0, 10)).rejects.toMatchObject({ code: 'input/conflict' });
      expect(seen).toHaveLength(1);
    });
  });

  it.each([
    ['locked', '401 Unauthorized; it asks for an access token, or for another one'],
    ['gated', '403 Forbidden; it gives this file to others only; on a hub, accept the terms of the model first'],
    ['missing', '404 Not Found; check the address'],
    ['broken', '503 Service Unavailable; try again later'],
    ['large-chunked', 'must tell the size of the file, got none; download the file first'],
    ['compressed-whole', 'content-encoding "gzip" makes meaningless; download the file first'],
  ])('says what to do where the server is %s', async (path, words) => {
    await expect(httpSource(`${base}/${path}`)).rejects.toMatchObject({
      code: 'network/status',
      message: expect.stringContaining(words),
    });
  });

  it.each(['silent', 'stops-in-the-middle'])(
    'gives up on a server that is %s, and hangs up',
    async (path) => {
      hungUp.length = 0;
      const source = await sized(path, { stallMs: 200 });
      await expect(source.read(0, 100)).rejects.toMatchObject({ code: 'network/timeout' });
      await expect.poll(() => hungUp, { timeout: 20_000 }).toEqual([`/${path}`]);
    },
    30_000,
  );

  it('waits for a slow server as long as something comes', async () => {
    const source = await sized('slow', { stallMs: 500 });
    expect(await source.read(1000, 100)).toEqual(BYTES.slice(1000, 1100));
  }, 30_000);

  it('keeps signed queries out of messages', async () => {
    const error: unknown = await httpSource(`${base}/missing?token=secret`).catch((reason: unknown) => reason);
    expect(JSON.stringify([(error as Error).message, (error as { details: unknown }).details])).not.toContain('secret');
  });

  it("rejects with the caller's reason when a read is aborted", async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const read = (await sized('silent')).read(0, 10, controller.signal);
    controller.abort(reason);
    await expect(read).rejects.toBe(reason);
  });

  it('ends every read when the signal of the source is aborted', async () => {
    const controller = new AbortController();
    const source = await sized('silent', { signal: controller.signal });
    const read = source.read(0, 10);
    controller.abort();
    await expect(read).rejects.toMatchObject({ name: 'AbortError' });
    await expect(source.read(0, 10)).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('takes another fetch', async () => {
    const calls: string[] = [];
    const source = await sized('honest', {
      fetch: (input: string, init: RequestInit) => {
        calls.push(String(input));
        return fetch(input, init);
      },
    });
    await source.read(0, 1);
    expect(calls).toEqual([`${base}/honest`]);
  });

  it('refuses ranges outside the file without asking', async () => {
    const source = await sized('honest');
    seen.length = 0;
    await expect(source.read(4999, 2)).rejects.toMatchObject({ code: 'format/offset-out-of-range' });
    expect(seen).toEqual([]);
  });
});
