import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a loopback server does once a request's body has arrived. `number` counts from 1. */
export type Behave = (response: ServerResponse, request: Received, number: number) => unknown;

export interface Received {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export interface RemoteServer extends AsyncDisposable {
  baseURL: string;
  requests: Received[];
  /** Bytes that went out, headers included. */
  bytesSent(): number;
  /**
   * Connections that carried a request and are still open. Idle connections that a client opens
   * ahead do not count.
   */
  openRequests(): number;
}

/** A real HTTP server that can misbehave in any way. */
export async function startServer(behave: Behave): Promise<RemoteServer> {
  const requests: Received[] = [];
  const sockets = new Set<Socket>();
  const busy = new Set<Socket>();
  let bytesOfClosed = 0;
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    busy.add(request.socket);
    for await (const piece of request) pieces.push(piece);
    const received: Received = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(pieces).toString(),
    };
    requests.push(received);
    await behave(response, received, requests.length);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      busy.delete(socket);
      bytesOfClosed += socket.bytesWritten;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    bytesSent: () => [...sockets].reduce((sum, socket) => sum + socket.bytesWritten, bytesOfClosed),
    openRequests: () => busy.size,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      if (server.listening) await once(server, 'close');
    },
  };
}

/** Answers with these bytes instead of anything that Node's server would write. */
export function raw(response: ServerResponse, ...pieces: (string | Uint8Array)[]): Socket {
  const { socket } = response;
  if (socket === null) throw new Error('the connection has gone');
  for (const piece of pieces) socket.write(piece);
  return socket;
}

export function json(
  response: ServerResponse,
  body: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/**
 * Sends `piece` again and again, as fast as it is read or every `everyMs`, until the connection
 * ends.
 */
export async function repeat(response: ServerResponse, piece: string | Uint8Array, everyMs?: number): Promise<void> {
  const { socket } = response;
  if (socket === null) return;
  const closed = new Promise((resolve) => socket.once('close', resolve));
  while (!socket.destroyed) {
    const isTaken = response.write(piece);
    if (everyMs !== undefined) await sleep(everyMs);
    else if (!isTaken) await Promise.race([once(response, 'drain'), closed]);
  }
}

/** Writes these bytes every `everyMs`, until the connection ends. */
export async function drip(socket: Socket, piece: string, everyMs: number): Promise<void> {
  while (!socket.destroyed) {
    socket.write(piece);
    await sleep(everyMs);
  }
}
