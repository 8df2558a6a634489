import { exec, spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { serveFolder } from './serve-folder.ts';

/**
 * The sites of examples/ and test/ecosystem/projects: each is what a newcomer writes with one tool.
 * docs/bundlers.md shows the same files.
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUNDLE = join(ROOT, 'models/tiny/bundle');

/** 28 are the bundle's own. These are enough to see what the prompt asks for. */
const STEPS = 8;

export interface Project {
  /** Its folder, from the root of the repository. */
  folder: string;
  /** The folder's own name. */
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

const project = (folder: string, rest: Omit<Project, 'folder' | 'name'>): Project => ({
  folder,
  name: basename(folder),
  ...rest,
});
const OTHERS = 'test/ecosystem/projects';
const byVite = { files: 'public', site: { folder: 'dist' } };
const byCopying = { files: 'site', site: { folder: 'site' } };

const VITE = project('examples/vite', { ...byVite, links: ['vite'] });
const PLAIN = project('examples/plain', { ...byCopying, links: [] });

/** What people copy: prompt, button, progress, picture, cancelling and errors. */
export const EXAMPLES: readonly Project[] = [
  VITE,
  PLAIN,
  project('examples/react', { ...byVite, links: ['vite', 'react', 'react-dom', '@vitejs/plugin-react'] }),
  project('examples/svelte', { ...byVite, links: ['vite', 'svelte', '@sveltejs/vite-plugin-svelte'] }),
];

/** The least that draws, with tools of this workspace. */
export const SMALLEST: readonly Project[] = [
  project(`${OTHERS}/webpack`, { ...byCopying, links: [], unminimized: '--no-optimization-minimize' }),
  project(`${OTHERS}/esbuild`, { ...byCopying, links: [] }),
];

/** What docs/bundlers.md shows. */
export const PROJECTS: readonly Project[] = [
  VITE,
  PLAIN,
  ...SMALLEST,
  project(`${OTHERS}/rsbuild`, { files: 'public', site: { folder: 'dist' } }),
  project(`${OTHERS}/parcel`, byCopying),
  project(`${OTHERS}/next`, { files: 'public', site: { server: ['node_modules/next/dist/bin/next', 'start'] } }),
  project(`${OTHERS}/sveltekit`, { files: 'static', site: { server: ['build/index.js'] } }),
  project(`${OTHERS}/nuxt`, { files: 'public', site: { server: ['.output/server/index.mjs'] } }),
];

export interface Site {
  /** Of the page, which is at a path below the root. */
  url: string;
  close(): Promise<void>;
}

/** Writes the project's files into `app`, and the embedded model to where they say. */
export async function writeProject({ folder, files }: Project, app: string): Promise<void> {
  await cp(join(ROOT, folder), app, { recursive: true });
  await cp(join(ROOT, PLAIN.folder, 'copy.mjs'), join(app, 'copy.mjs'));
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
