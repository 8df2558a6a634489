import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { InputError } from '@flux-srpo/core';
import { getRequestListener, type HttpBindings, RequestError } from '@hono/node-server';
import { type Exchange, note, observe } from './exchange.ts';
import { discardRest, isClosing, lingerOnClose } from './linger.ts';

const SWEEP_MS = 50;
/**
 * How long an idle connection is kept: longer than proxies (60 s) and clients keep theirs. Node's 5
 * s would end it under a request that a busy client is just sending.
 */
const KEEP_ALIVE_MS = 75_000;
const CHECK_MS = 500;

/** How a server listens. */
export interface ListenOptions {
  /**
   * How long running requests may take to finish after the server was asked to stop.
   * @default 10 s
   */
  graceMs?: number;
  /**
   * How long a client may take to send a request's headers, then all of it (1 MiB at most), and to
   * take some of its answer. Whoever is slower holds a connection and its memory for nothing.
   * @default 15 s, 60 s, 60 s
   */
  headersMs?: number;
  requestMs?: number;
  readerMs?: number;
  /** Told of every request that was answered. */
  onExchange?: ((exchange: Exchange) => void) | undefined;
}

/** What answers: a Hono, or anything with its `fetch`. */
interface App {
  fetch(request: Request, env: unknown): Response | Promise<Response>;
}

export interface Listening {
  /** `http://127.0.0.1:8080` */
  url: string;
  /** Takes no more connections, waits a while for what runs, then stops it. */
  close(): Promise<void>;
}

/** @param port 0 for any free one */
export async function listen(
  app: App,
  host: string,
  port: number,
  { graceMs = 10_000, headersMs = 15_000, requestMs = 60_000, readerMs = 60_000, onExchange }: ListenOptions = {},
): Promise<Listening> {
  const answer = getRequestListener(
    async (request, env) => {
      const { incoming, outgoing } = env as HttpBindings;
      const response = await app.fetch(request, env);
      const id = response.headers.get('x-request-id');
      if (id !== null) note(incoming, { id });
      if (!(await discardRest(incoming))) response.headers.set('connection', 'close');
      // Node forgets it with the answer's end.
      outgoing.setTimeout(readerMs, () => incoming.socket.destroy());
      return response;
    },
    {
      overrideGlobalObjects: false,
      // Of a host or an address that is none, and of nothing else, the app never hears.
      errorHandler: (error) =>
        new Response(null, { status: error instanceof RequestError ? 400 : 500, headers: { connection: 'close' } }),
    },
  );
  const unused = new Set<Socket>();
  const limits = { headersTimeout: headersMs, requestTimeout: requestMs, connectionsCheckingInterval: CHECK_MS };
  const server = createServer(limits, (incoming, outgoing) => {
    unused.delete(incoming.socket);
    if (onExchange !== undefined) observe(incoming, outgoing, onExchange);
    if (isClosing(incoming.socket)) incoming.resume();
    else void answer(incoming, outgoing);
  });
  lingerOnClose(server);
  server.on('connection', (socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new InputError(`cannot listen on ${host}:${port}: ${cause.code ?? cause.message}; choose another`, {
          code: 'input/conflict',
          details: { host, port },
          cause,
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
  const { port: actual, address, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`,
    close: () =>
      new Promise((resolve) => {
        const sweep = setInterval(() => {
          // A connection that was busy is idle after its answer, and would be kept for the next
          // request.
          server.closeIdleConnections();
          // Browsers open some ahead of need, and to Node they are busy with a first request.
          for (const socket of unused) socket.destroy();
        }, SWEEP_MS);
        const end = setTimeout(() => server.closeAllConnections(), graceMs);
        server.close(() => {
          clearInterval(sweep);
          clearTimeout(end);
          resolve();
        });
      }),
  };
}
