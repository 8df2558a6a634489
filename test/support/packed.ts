import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { cp, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LIBRARY = join(ROOT, 'packages/images');

/** Builds the library and puts it into `app/node_modules` as a registry would: `files`, `publishConfig`, dependencies beside it. */
export async function installPacked(app: string): Promise<void> {
  await promisify(execFile)(process.execPath, [join(LIBRARY, 'scripts/build.mjs')]);
  const { publishConfig, files, ...manifest } = JSON.parse(await readFile(join(LIBRARY, 'package.json'), 'utf8'));
  const target = join(app, 'node_modules/flux-srpo');
  await mkdir(target, { recursive: true });
  for (const file of files) await cp(join(LIBRARY, file), join(target, file), { recursive: true });
  await writeFile(join(target, 'package.json'), JSON.stringify({ ...manifest, ...publishConfig }));
  for (const dependency of Object.keys(manifest.dependencies)) {
    const link = join(app, 'node_modules', dependency);
    await mkdir(join(link, '..'), { recursive: true });
    await symlink(join(LIBRARY, 'node_modules', dependency), link, 'junction');
  }
}

/** Writes a parity fixture's bundle. */
export async function writeBundle(pipeline: string, folder: string): Promise<void> {
  const script = join(ROOT, 'test/support/write-bundle.ts');
  await promisify(execFile)(process.execPath, ['--import', 'tsx', script, pipeline, folder], { cwd: ROOT });
}

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
};

export interface StaticServer {
  url: string;
  /** Paths that were asked for. */
  requests: string[];
  close: () => Promise<void>;
}

/** A static file server with ranges and nothing else, `headers` on every answer. */
export async function serveFolder(folder: string, headers: Record<string, string> = {}): Promise<StaticServer> {
  const requests: string[] = [];
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    requests.push(path);
    const file = join(folder, normalize(path.endsWith('/') ? `${path}index.html` : path));
    const size = await stat(file).then(
      (found) => found.size,
      () => undefined,
    );
    if (size === undefined) return response.writeHead(404, headers).end();
    const type = { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'accept-ranges': 'bytes' };
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
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
