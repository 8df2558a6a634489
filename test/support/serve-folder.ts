import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { createGzip } from 'node:zlib';

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
};

export interface StaticServer {
  url: string;
  /** Paths that were requested. */
  requests: string[];
  /** The same, each with the range that was asked for. */
  ranges: string[];
  close: () => Promise<void>;
}

export interface Serving {
  /** 0 for a free one. */
  port?: number;
  /** Whole files with these names are compressed for clients that take gzip. */
  gzip?: RegExp;
  /** Awaited before a file is answered. @param path from the root, as `/a/b.json` */
  beforeFile?: (path: string) => Promise<void> | undefined;
}

/**
 * A static file server with ranges and nothing else.
 *
 * @param headers on every answer
 */
export async function serveFolder(
  folder: string,
  headers: Record<string, string> = {},
  { port = 0, gzip, beforeFile }: Serving = {},
): Promise<StaticServer> {
  const requests: string[] = [];
  const ranges: string[] = [];
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    requests.push(path);
    ranges.push(`${path} ${request.headers.range ?? ''}`);
    await beforeFile?.(path);
    const file = join(folder, normalize(path.endsWith('/') ? `${path}index.html` : path));
    const size = await stat(file).then(
      (found) => found.size,
      () => undefined,
    );
    if (size === undefined) return response.writeHead(404, headers).end();
    const type = { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'accept-ranges': 'bytes' };
    const accepted = String(request.headers['accept-encoding'] ?? '');
    if (gzip?.test(path) && accepted.includes('gzip') && request.headers.range === undefined) {
      response.writeHead(200, { ...headers, 'content-type': type['content-type'], 'content-encoding': 'gzip' });
      return createReadStream(file).pipe(createGzip()).pipe(response);
    }
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const start = Number(range?.[1] ?? 0);
    const end = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
    const partial = range === null ? {} : { 'content-range': `bytes ${start}-${end}/${size}` };
    response.writeHead(range === null ? 200 : 206, {
      ...headers,
      ...type,
      ...partial,
      'content-length': String(end - start + 1),
    });
    if (request.method === 'HEAD') return response.end();
    return createReadStream(file, { start, end }).pipe(response);
  });
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: actual } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${actual}/`,
    requests,
    ranges,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
