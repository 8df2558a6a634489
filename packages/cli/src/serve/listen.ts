import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { InputError } from '@flux-srpo/core';
import { getRequestListener, type HttpBindings, RequestError } from '@hono/node-server';
import type { Hono } from 'hono';
import { discardRest, isClosing, lingerOnClose } from './linger.ts';

/** How long running requests may take to finish after the server was asked to stop. */
const GRACE_MS = 10_000;
const SWEEP_MS = 50;
/**
 * How long an idle connection is kept: longer than proxies (60 s) and clients keep theirs. Node's 5
 * s would end it under a request that a busy client is just sending.
 */
const KEEP_ALIVE_MS = 75_000;

export interface Listening {
  /** `http://127.0.0.1:8080` */
  url: string;
  /** Takes no more connections, waits a while for what runs, then stops it. */
  close(): Promise<void>;
}

/** @param port 0 for any free one */
export async function listen(app: Hono, host: string, port: number): Promise<Listening> {
  const answer = getRequestListener(
    async (request, env) => {
      const response = await app.fetch(request, env);
      if (!(await discardRest((env as HttpBindings).incoming))) response.headers.set('connection', 'close');
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
  const server = createServer((incoming, outgoing) => {
    unused.delete(incoming.socket);
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
        const end = setTimeout(() => server.closeAllConnections(), GRACE_MS);
        server.close(() => {
          clearInterval(sweep);
          clearTimeout(end);
          resolve();
        });
      }),
  };
}
