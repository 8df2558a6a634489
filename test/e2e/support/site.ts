import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, preview } from 'vite';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of the built page, with a slash at its end. */
    site: string;
  }
}

const root = fileURLToPath(new URL('../../../demo', import.meta.url));
const configFile = join(root, 'vite.config.ts');

/** Builds the page once for all files of the tier, and serves it in a folder of its host. */
export default async function serveSite({ provide }: TestProject): Promise<() => Promise<void>> {
  const outDir = await mkdtemp(join(tmpdir(), 'flux-srpo-site-'));
  await build({ root, configFile, logLevel: 'error', build: { outDir, emptyOutDir: true } });
  const server = await preview({ root, configFile, logLevel: 'error', build: { outDir }, preview: { port: 0 } });
  const [url] = server.resolvedUrls?.local ?? [];
  if (url === undefined) throw new Error('the built page must have a local address, got none');
  provide('site', url);
  return async () => {
    await server.close();
    await rm(outDir, { recursive: true, force: true });
  };
}
