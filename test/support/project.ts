import { exec, spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { serveFolder } from './serve-folder.ts';

/**
 * The sites of test/ecosystem/projects: each is what a newcomer writes with one tool.
 * docs/bundlers.md shows the same files.
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = join(ROOT, 'test/ecosystem/projects');
const BUNDLE = join(ROOT, 'models/tiny/bundle');

/** 28 are the bundle's own. These are enough to see what the prompt asks for. */
const STEPS = 8;

export interface Project {
  /** Its folder. */
  name: string;
  /** Whence the tool takes static files, or where it writes the site. */
  files: string;
  /** What is served: a folder of static files, or what Node runs to serve pages. */
  site: { folder: string } | { server: readonly string[] };
  /**
   * What it imports of this workspace, where the workspace has all that it needs. The others need
   * the network.
   */
  links?: readonly string[];
  /** Added to the build where minimizing would cost half a minute. */
  unminimized?: string;
}

export const OFFLINE_PROJECTS: readonly Project[] = [
  { name: 'vite', files: 'public', site: { folder: 'dist' }, links: ['vite'] },
  { name: 'webpack', files: 'site', site: { folder: 'site' }, links: [], unminimized: '--no-optimization-minimize' },
  { name: 'esbuild', files: 'site', site: { folder: 'site' }, links: [] },
  { name: 'plain', files: 'site', site: { folder: 'site' }, links: [] },
];

export const PROJECTS: readonly Project[] = [
  ...OFFLINE_PROJECTS,
  { name: 'rsbuild', files: 'public', site: { folder: 'dist' } },
  { name: 'parcel', files: 'site', site: { folder: 'site' } },
  { name: 'next', files: 'public', site: { server: ['node_modules/next/dist/bin/next', 'start'] } },
  { name: 'sveltekit', files: 'static', site: { server: ['build/index.js'] } },
  { name: 'nuxt', files: 'public', site: { server: ['.output/server/index.mjs'] } },
];

export interface Site {
  /** Of the page, which is at a path below the root. */
  url: string;
  close(): Promise<void>;
}

/** Writes the project's files into `app`, and the embedded model to where they say. */
export async function writeProject({ name, files }: Project, app: string): Promise<void> {
  await cp(join(FOLDER, name), app, { recursive: true });
  await cp(join(FOLDER, 'copy.mjs'), join(app, 'copy.mjs'));
  const models = join(app, files, 'models/tiny');
  await cp(BUNDLE, models, { recursive: true });
  const manifest = JSON.parse(await readFile(join(models, 'manifest.json'), 'utf8'));
  manifest.defaults.num_inference_steps = STEPS;
  await writeFile(join(models, 'manifest.json'), JSON.stringify(manifest));
}

/**
 * Runs the project's own build.
 *
 * @param tools folders with executables, before those of the PATH
 * @param flags added to the command
 */
export async function buildProject(app: string, tools: readonly string[], flags = ''): Promise<void> {
  const { scripts } = JSON.parse(await readFile(join(app, 'package.json'), 'utf8'));
  await promisify(exec)(`${scripts.build} ${flags}`, { cwd: app, env: environment(tools), maxBuffer: 2 ** 24 });
}

/** Serves the built site below the path /sub/. */
export async function serveProject({ site }: Project, app: string, tools: readonly string[]): Promise<Site> {
  return 'folder' in site ? serveStatic(join(app, site.folder)) : startOwnServer(site.server, app, tools);
}

function environment(tools: readonly string[]): NodeJS.ProcessEnv {
  const { NODE_ENV: _, VITEST: __, ...own } = process.env;
  return { ...own, CI: '1', PATH: [...tools, dirname(process.execPath), process.env.PATH].join(delimiter) };
}

async function serveStatic(folder: string): Promise<Site> {
  const root = await mkdtemp(join(tmpdir(), 'flux-srpo-site-'));
  await symlink(folder, join(root, 'sub'), 'junction');
  const server = await serveFolder(root);
  return {
    url: `${server.url}sub/`,
    async close() {
      await server.close();
      await rm(root, { recursive: true });
    },
  };
}

async function startOwnServer(script: readonly string[], app: string, tools: readonly string[]): Promise<Site> {
  const port = await freePort();
  const env = { ...environment(tools), PORT: String(port), HOST: '127.0.0.1', NODE_ENV: 'production' };
  const child = spawn('node', script, { cwd: app, env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output += data;
    });
  }
  const exit = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const url = `http://127.0.0.1:${port}/sub`;
  const close = () => {
    child.kill();
    return exit;
  };
  for (const deadline = performance.now() + 60_000; ; await sleep(100)) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return { url, close };
    if (child.exitCode === null && answer === undefined && performance.now() < deadline) continue;
    await close();
    throw new Error(`${script.join(' ')} answered ${answer?.status ?? 'nothing'} for ${url}: ${output}`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
