import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request, and the means to answer it wrongly. */
export interface Exchange {
  /** Path below the server's root. */
  path: string;
  request: IncomingMessage;
  response: ServerResponse;
  /** The range that was asked for, else the whole file. `end` is exclusive. */
  range: { start: number; end: number } | undefined;
  bytes: Uint8Array;
}

/** Answers in place of the server. @returns whether it did */
export type Fault = (exchange: Exchange) => boolean;

export interface FaultServer {
  url: string;
  /** What each request goes through first. */
  fault: Fault;
  /** Bytes of bodies that were sent so far. */
  sent: number;
  /** Requests that were answered at the same time, at most. */
  mostAtOnce: number;
  /** Paths with their ranges, in order. */
  asked: string[];
  close(): Promise<void>;
}

/** A range server of files in memory, whose answers can be spoiled. */
export async function startFaultServer(files: ReadonlyMap<string, Uint8Array>): Promise<FaultServer> {
  let atOnce = 0;
  const server = createServer((request, response) => {
    countSent(response, (bytes) => {
      state.sent += bytes;
    });
    response.setHeader('access-control-allow-origin', '*');
    const path = new URL(request.url!, 'http://localhost').pathname.slice(1);
    state.asked.push(`${path} ${request.headers.range ?? ''}`.trimEnd());
    state.mostAtOnce = Math.max(state.mostAtOnce, ++atOnce);
    response.once('close', () => atOnce--);
    const bytes = files.get(path);
    if (bytes === undefined) return void response.writeHead(404).end();
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const range =
      start === undefined ? undefined : { start: Number(start), end: Math.min(Number(end) + 1, bytes.length) };
    const exchange = { path, request, response, range, bytes };
    if (!state.fault(exchange)) sendRange(exchange);
  });
  const state: FaultServer = {
    url: '',
    fault: () => false,
    sent: 0,
    mostAtOnce: 0,
    asked: [],
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // It must not keep alive whoever forgets to close it.
  server.unref();
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return state;
}

/** Tells the length of each body that is given to `write` or `end` as bytes. */
function countSent(response: ServerResponse, tell: (bytes: number) => void): void {
  for (const name of ['write', 'end'] as const) {
    const original = response[name] as (...given: unknown[]) => unknown;
    const counted = (...given: unknown[]): unknown => {
      if (given[0] instanceof Uint8Array) tell(given[0].length);
      return original.apply(response, given);
    };
    Object.assign(response, { [name]: counted });
  }
}

/** The right answer. */
export function sendRange({ response, range, bytes }: Exchange, body = slice(range, bytes)): void {
  writeHead(response, range, bytes);
  response.end(body);
}

/** The head of the right answer and the first bytes of the body. Then the connection breaks. */
export function sendAndCut({ response, range, bytes }: Exchange, length: number): void {
  writeHead(response, range, bytes);
  // Ended, not destroyed: what was written still arrives.
  response.write(slice(range, bytes).slice(0, length), () => response.socket?.end());
}

export function slice(range: Exchange['range'], bytes: Uint8Array): Uint8Array {
  return range === undefined ? bytes : bytes.subarray(range.start, range.end);
}

/** The head of the right answer. */
export function writeHead(response: ServerResponse, range: Exchange['range'], bytes: Uint8Array): void {
  const { start, end } = range ?? { start: 0, end: bytes.length };
  response.writeHead(range === undefined ? 200 : 206, {
    'content-length': end - start,
    ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` }),
  });
}
