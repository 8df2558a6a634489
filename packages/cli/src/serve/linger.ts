import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * How many bytes of a refused body are still read before the answer is sent, and for how long. If
 * they end by then, the connection is kept.
 */
const REST_BYTES = 1024 * 1024;
const REST_MS = 100;
/** nginx's lingering_time and lingering_timeout, and a bound that it has not. */
const LINGER_MS = 30_000;
const LINGER_IDLE_MS = 5000;
const LINGER_BYTES = 128 * 1024 * 1024;
const CHECK_MS = 20;
/** Of `http.Server`, by the error's code. Any other is 400. */
const PARSE_ERRORS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

const lingering = new WeakSet<Duplex>();

/** Whether this connection has had its last answer: later bytes are no request (RFC 9112 §9.6). */
export function isClosing(socket: Socket): boolean {
  return lingering.has(socket);
}

/**
 * Makes the server end connections as RFC 9112 §9.6 asks: it ends its own side, then reads on and
 * discards until the client has ended the other, or sent `LINGER_BYTES`, or taken too long. Node
 * closes at once, and where bytes of the client are unread by then, TCP answers with a reset, at
 * which the client's system may throw away the answer that it holds.
 */
export function lingerOnClose(server: Server): void {
  server.on('connection', (socket: Socket) => {
    socket.destroySoon = () => linger(socket);
  });
  const answering = new WeakSet<Duplex>();
  server.on('request', ({ socket }, outgoing) => {
    answering.add(socket);
    outgoing.once('close', () => answering.delete(socket));
  });
  // Node's own listener does the same without the linger.
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (lingering.has(socket)) return;
    if (!socket.writable || answering.has(socket)) {
      socket.destroy(error);
    } else {
      socket.write(`HTTP/1.1 ${PARSE_ERRORS[error.code ?? ''] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`);
      linger(socket as Socket);
    }
  });
}

function linger(socket: Socket): void {
  if (socket.destroyed || lingering.has(socket)) return;
  lingering.add(socket);
  const start = socket.bytesRead;
  const end = () => socket.destroy();
  const check = setInterval(() => {
    if (socket.bytesRead - start > LINGER_BYTES) end();
  }, CHECK_MS);
  const timer = setTimeout(end, LINGER_MS);
  socket.setTimeout(LINGER_IDLE_MS, end);
  socket.once('end', end);
  socket.once('close', () => {
    clearInterval(check);
    clearTimeout(timer);
  });
  socket.end();
}

/**
 * Discards what is left of a body whose answer is ready. True when it was little and is there: the
 * connection can be kept. False when more comes: the answer must say `connection: close`.
 */
export function discardRest(incoming: IncomingMessage): Promise<boolean> {
  if (incoming.complete || incoming.destroyed) return Promise.resolve(true);
  // Whoever read the body has stopped, and would hold what comes, or hold it up.
  incoming.removeAllListeners('data');
  return new Promise((resolve) => {
    let bytes = 0;
    const settle = () => {
      clearTimeout(timer);
      incoming.off('data', count).off('end', settle).off('close', settle);
      incoming.resume();
      resolve(incoming.complete || incoming.destroyed);
    };
    const count = (piece: Uint8Array) => {
      bytes += piece.length;
      if (bytes > REST_BYTES) settle();
    };
    // What has come to a busy process meanwhile is read before it counts as missing.
    const timer = setTimeout(() => setImmediate(settle), REST_MS);
    incoming.on('data', count).once('end', settle).once('close', settle);
    incoming.resume();
  });
}
