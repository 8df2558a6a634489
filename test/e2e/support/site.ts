import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import type { TestProject } from 'vitest/node';
import { serveFolder } from '../../support/serve-folder.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of the built page, with a slash at its end. */
    site: string;
    /** The folder that the page was built into. */
    siteFolder: string;
  }
}

const root = fileURLToPath(new URL('../../../demo', import.meta.url));

/** Builds the page once for all files of the tier. A static host has it in a folder. */
export default async function serveSite({ provide }: TestProject): Promise<() => Promise<void>> {
  const host = await mkdtemp(join(tmpdir(), 'flux-srpo-site-'));
  const outDir = join(host, 'some', 'folder');
  // Vitest's own would make a page for development of it, without a service worker.
  const { NODE_ENV } = process.env;
  process.env.NODE_ENV = 'production';
  await build({ root, configFile: join(root, 'vite.config.ts'), logLevel: 'error', build: { outDir } });
  process.env.NODE_ENV = NODE_ENV;
  const server = await serveFolder(host);
  provide('siteFolder', outDir);
  provide('site', `${server.url}some/folder/`);
  return async () => {
    await server.close();
    await rm(host, { recursive: true, force: true });
  };
}
