import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { isFluxError } from '@flux-srpo/core';
import type { ByteSource } from '@flux-srpo/formats';
import type { BundleFiles } from '@flux-srpo/runtime';
import { createServer } from 'vite';

const PAGES = fileURLToPath(new URL('../pages', import.meta.url));
const LIBRARY_WORKER = fileURLToPath(import.meta.resolve('flux-srpo/worker'));
const BUNDLE_PATH = '/bundle/';
/** What is read and sent at once: a chunk of a bundle. */
const PIECE_BYTES = 8 * 1024 * 1024;

export interface BenchServer {
  /** URL of the empty page. */
  url: string;
  /** URL of the bundle's folder. */
  bundle: string;
  /** Bytes of the bundle that were sent. */
  sent(): number;
  close(): Promise<void>;
}

/**
 * Serves an empty page, the repository's modules for its workers, and a bundle. The headers allow
 * the page to measure its memory.
 */
export async function serveBench(files: BundleFiles): Promise<BenchServer> {
  let sent = 0;
  const server = await createServer({
    root: PAGES,
    configFile: false,
    logLevel: 'warn',
    worker: { format: 'es' },
    server: {
      port: 0,
      hmr: false,
      watch: null,
      headers: { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' },
    },
    optimizeDeps: {
      // onnxruntime-web finds its .wasm beside itself through import.meta.url. Pre-bundling would
      // move it.
      exclude: ['onnxruntime-web'],
      // No import leads to a worker, or to a module that a page imports by URL. A dependency that
      // Vite finds late would reload the page.
      entries: ['*.worker.ts', '*.page.ts', LIBRARY_WORKER],
    },
    plugins: [
      {
        name: 'bundle',
        configureServer: ({ middlewares }) => {
          middlewares.use((request, response, next) => {
            if (!request.url?.startsWith(BUNDLE_PATH)) return next();
            const path = decodeURIComponent(request.url.slice(BUNDLE_PATH.length));
            answer(files, path, request, response).then((bytes) => {
              sent += bytes;
            }, next);
          });
        },
      },
    ],
  });
  await server.listen();
  const url = server.resolvedUrls?.local[0];
  if (url === undefined) throw new Error('the server must have a local address, got none');
  return { url, bundle: new URL(BUNDLE_PATH, url).href, sent: () => sent, close: () => server.close() };
}

/** @returns bytes of the body */
async function answer(
  files: BundleFiles,
  path: string,
  { headers }: IncomingMessage,
  response: ServerResponse,
): Promise<number> {
  const match = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '');
  const source = await files.open(path).catch((error: unknown) => {
    if (isFluxError(error, 'model/file-missing')) return undefined;
    throw error;
  });
  if (source === undefined) {
    response.writeHead(404).end();
    return 0;
  }
  try {
    const start = Number(match?.[1] ?? 0);
    const end = match === null ? source.size : Math.min(Number(match[2]) + 1, source.size);
    const length = { 'content-length': end - start, 'cache-control': 'no-store' };
    if (match === null) response.writeHead(200, length);
    else response.writeHead(206, { ...length, 'content-range': `bytes ${start}-${end - 1}/${source.size}` });
    // Whoever stops a fetch leaves in the middle.
    await pipeline(Readable.from(pieces(source, start, end)), response).catch(() => undefined);
    return end - start;
  } finally {
    await source.close?.();
  }
}

async function* pieces(source: ByteSource, start: number, end: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = start; at < end; at += PIECE_BYTES) yield await source.read(at, Math.min(PIECE_BYTES, end - at));
}
