import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, realpathSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LIBRARY = join(ROOT, 'packages/images');
const run = promisify(execFile);

/** What is in the tarball: a change of any of these makes another. */
const SOURCES = ['packages', 'LICENSE', 'pnpm-lock.yaml', 'tsconfig.base.json'];

/** Path of the tarball that is published, packed from the sources as they are now, once for each state of them. */
export async function packedTarball(): Promise<string> {
  const { stdout } = await run('git', ['ls-files', '-z', '-co', '--exclude-standard', ...SOURCES], { cwd: ROOT });
  const hash = createHash('sha256');
  for (const path of stdout.split('\0').sort()) {
    if (/\.test\.ts$/.test(path) || !existsSync(join(ROOT, path))) continue;
    hash.update(path).update(path === '' ? '' : await readFile(join(ROOT, path)));
  }
  const tarball = join(ROOT, '.cache/packed', `${hash.digest('hex').slice(0, 16)}.tgz`);
  if (existsSync(tarball)) return tarball;
  await rm(dirname(tarball), { recursive: true, force: true });
  const { stdout: path } = await run(process.execPath, [join(LIBRARY, 'scripts/pack.mjs'), dirname(tarball)]);
  await rename(path.trim(), tarball);
  return tarball;
}

/** Installs the tarball in `app/node_modules` as npm would, with `dependencies` of the workspace's own beside it: no network. */
export async function installPacked(app: string, dependencies: readonly string[] = ['onnxruntime-web']): Promise<void> {
  const target = join(app, 'node_modules/flux-srpo');
  await mkdir(target, { recursive: true });
  await run('tar', ['-xzf', await packedTarball(), '-C', target, '--strip-components=1']);
  const { bin } = JSON.parse(await readFile(join(target, 'package.json'), 'utf8'));
  await chmod(join(target, bin['flux-srpo']), 0o755);
  for (const dependency of dependencies) {
    const link = join(app, 'node_modules', dependency);
    await mkdir(dirname(link), { recursive: true });
    await symlink(workspaceCopy(dependency), link, 'junction');
  }
}

/** Where the workspace has a dependency of one of its packages. */
export function workspaceCopy(dependency: string): string {
  const homes = ['', 'packages/images', 'packages/runtime'].map((home) => join(ROOT, home, 'node_modules', dependency));
  const found = homes.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${dependency} must be a dependency of this workspace`);
  return realpathSync(found);
}

/** Writes a parity fixture's bundle. */
export async function writeBundle(pipeline: string, folder: string): Promise<void> {
  const script = join(ROOT, 'test/support/write-bundle.ts');
  await run(process.execPath, ['--import', 'tsx', script, pipeline, folder], { cwd: ROOT });
}

/** Writes a parity fixture's pipeline folder; its paths. */
export async function writePipeline(pipeline: string, folder: string): Promise<string[]> {
  const script = join(ROOT, 'test/support/write-pipeline.ts');
  const { stdout } = await run(process.execPath, ['--import', 'tsx', script, pipeline, folder], { cwd: ROOT });
  return JSON.parse(stdout);
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
