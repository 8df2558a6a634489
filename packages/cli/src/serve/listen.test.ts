import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Hono } from 'hono';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Listening, listen } from './listen.ts';

const MIB = 1024 * 1024;
/** What is read of a refused body at most. */
const LINGER_BYTES = 128 * MIB;
const PIECE = Buffer.alloc(MIB, 0x78);
const REFUSAL = JSON.stringify({ error: 'x'.repeat(1000) });

let server: Listening;
let port: number;
let requests: string[];

beforeAll(async () => {
  const app = new Hono();
  app.use((c, next) => {
    requests.push(c.req.path);
    return next();
  });
  app.post('/unread', (c) => c.body(REFUSAL, 401));
  app.post('/read', async (c) => {
    let bytes = 0;
    for await (const piece of c.req.raw.body ?? []) {
      bytes += piece.length;
      if (bytes > MIB) break;
    }
    return c.body(REFUSAL, 413);
  });
  app.get('/', (c) => c.text('here'));
  server = await listen(app, '127.0.0.1', 0);
  port = Number(new URL(server.url).port);
});

afterAll(() => server.close());

beforeEach(() => {
  requests = [];
});

const head = (path: string, length: number | 'chunked') =>
  `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${length === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`}\r\n\r\n`;

/** Resolves when the system has taken the bytes; rejects when the connection is gone. */
const send = (socket: Socket, bytes: string | Uint8Array) =>
  new Promise<void>((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve())));

/** What comes until the server ends the connection, and how it ended it. */
function receive(socket: Socket): Promise<{ text: string; ending: string }> {
  return new Promise((resolve) => {
    let text = '';
    let ending = 'end';
    socket.on('data', (data) => {
      text += data;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      ending = error.code ?? error.message;
    });
    socket.on('close', () => resolve({ text, ending }));
  });
}

describe('a connection whose body the server does not want', () => {
  it.each([
    ['of a known length that nobody reads', '/unread', 64 * MIB],
    ['of a known length, read to its limit', '/read', 64 * MIB],
    ['in chunks that nobody reads', '/unread', 'chunked'],
    ['in chunks, read to the limit', '/read', 'chunked'],
  ] as const)('gives a client that sends 64 MiB before it reads the whole answer: %s', async (_, path, length) => {
    // Half-open, as a client that goes on sending after the server's end is.
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.pause();
    await send(socket, head(path, length));
    for (let i = 0; i < 64; i++) {
      await send(
        socket,
        length === 'chunked' ? Buffer.concat([Buffer.from('100000\r\n'), PIECE, Buffer.from('\r\n')]) : PIECE,
      );
    }
    // A request on a connection that the server said it will close is not to be answered (RFC 9112,
    // section 9.6).
    await send(socket, `${length === 'chunked' ? '0\r\n\r\n' : ''}GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    const received = receive(socket);
    socket.once('end', () => socket.end()).resume();
    const { text, ending } = await received;
    const [lines, body] = text.split('\r\n\r\n');
    expect(lines).toMatch(/^HTTP\/1\.1 4(01|13) /);
    expect(lines).toMatch(/\r\nconnection: close/i);
    expect(body).toBe(REFUSAL);
    expect(ending).toBe('end');
    expect(requests).toEqual([path]);
  });

  it.each([
    ['/unread', 300_000],
    ['/read', MIB + 1],
    ['/read', MIB + 500_000],
  ])('stays open after %s where the body is small: %i bytes', async (path, length) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (data) => {
      text += data;
    });
    await send(socket, Buffer.concat([Buffer.from(head(path, length)), Buffer.alloc(length, 0x78)]));
    await expect.poll(() => text).toContain(REFUSAL);
    expect(text).not.toMatch(/connection: close/i);
    await send(socket, 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await expect.poll(() => text).toMatch(/\r\n\r\nhere$/);
    socket.destroy();
  });

  it('answers a client that stops in the middle, at once and as the last', async () => {
    const socket = connect(port, '127.0.0.1');
    const received = receive(socket);
    await send(socket, head('/unread', 1000));
    await send(socket, Buffer.alloc(10));
    const { text, ending } = await received;
    expect(text).toMatch(/\r\nconnection: close[\s\S]*xxx"}$/i);
    expect(ending).toBe('end');
  });

  it.each(['/unread', '/read'])('is cut off when the body of %s does not end', async (path) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const received = receive(socket);
    let sent = 0;
    const sending = async () => {
      await send(socket, head(path, 'chunked'));
      for (;;) {
        await send(socket, Buffer.concat([Buffer.from('100000\r\n'), PIECE, Buffer.from('\r\n')]));
        sent += MIB;
      }
    };
    await expect(sending()).rejects.toThrow();
    expect((await received).text).toContain(REFUSAL);
    expect(sent).toBeGreaterThan(LINGER_BYTES);
    // What was read in the 20 ms between two looks, and what both systems hold: at most some ten
    // mebibytes.
    expect(sent).toBeLessThan(2 * LINGER_BYTES);
  });

  it('never makes the next request of fetch meet a dying connection', async () => {
    for (let i = 0; i < 20; i++) {
      const refused = await fetch(`${server.url}/read`, { method: 'POST', body: ' '.repeat(3 * MIB) });
      expect([refused.status, await refused.text()]).toEqual([413, REFUSAL]);
      expect(await (await fetch(server.url)).text()).toBe('here');
    }
  });
});

describe('a request that never reaches the app', () => {
  it.each([
    ['a header of 64 MiB', 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ', 431],
    ['64 MiB that are no HTTP', 'hello\r\n\r\n', 400],
  ])('%s is answered to a client that sends before it reads', async (_, start, status) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.pause();
    await send(socket, start);
    for (let i = 0; i < 64; i++) await send(socket, PIECE);
    const received = receive(socket);
    socket.once('end', () => socket.end()).resume();
    const { text, ending } = await received;
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*Connection: close\\r\\n\\r\\n$`));
    expect(ending).toBe('end');
  });

  it('is answered and is the last of its connection', async () => {
    const socket = connect(port, '127.0.0.1');
    const received = receive(socket);
    await send(socket, `POST / HTTP/1.1\r\nHost: [\r\nContent-Length: ${MIB}\r\n\r\n`);
    await send(socket, PIECE);
    const { text, ending } = await received;
    expect(text).toMatch(/^HTTP\/1\.1 400 [\s\S]*connection: close/i);
    expect(ending).toBe('end');
  });
});

describe('a server that stops', () => {
  it('does not wait for connections that no request has come over', async () => {
    // Longer than the test may take: what runs would be waited for.
    const stopping = await listen(new Hono(), '127.0.0.1', 0, { graceMs: 600_000 });
    const socket = connect(Number(new URL(stopping.url).port), '127.0.0.1');
    const received = receive(socket);
    await new Promise((resolve) => socket.once('connect', resolve));
    await stopping.close();
    await received;
  });
});

it('lets go of a client that does not take its answer', async () => {
  const app = new Hono().get('/', (c) => c.body(new Uint8Array(64 * MIB)));
  let onLeft = (): void => undefined;
  const left = new Promise<void>((resolve) => {
    onLeft = resolve;
  });
  const impatient = await listen(app, '127.0.0.1', 0, { readerMs: 300, onExchange: () => onLeft() });
  const socket = connect(Number(new URL(impatient.url).port), '127.0.0.1');
  let bytes = 0;
  socket.on('data', (data) => {
    bytes += data.length;
    socket.pause();
  });
  socket.on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  await once(socket, 'data');
  await left;
  const closed = once(socket, 'close');
  socket.removeAllListeners('data').on('data', (data) => {
    bytes += data.length;
  });
  socket.resume();
  await closed;
  // What the two systems held between them, and no more.
  expect(bytes).toBeLessThan(32 * MIB);
  await impatient.close();
});
