import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('../../demo', import.meta.url));

/** Builds the page as `npm run build` does. */
export async function buildPage(outDir: string): Promise<void> {
  // Vitest's own would make a page for development of it, without a service worker.
  const { NODE_ENV } = process.env;
  process.env.NODE_ENV = 'production';
  await build({ root, configFile: join(root, 'vite.config.ts'), logLevel: 'error', build: { outDir } });
  process.env.NODE_ENV = NODE_ENV;
}
