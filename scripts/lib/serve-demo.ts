import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';

const DEMO = fileURLToPath(new URL('../../demo', import.meta.url));

/**
 * Serves the page as `npm start` does, on a free port. A changed source file does not reload it.
 */
export async function serveDemo(): Promise<{ url: string; close: () => Promise<void> }> {
  const server = await createServer({
    root: DEMO,
    configFile: `${DEMO}/vite.config.ts`,
    logLevel: 'warn',
    server: { port: 0, hmr: false, watch: null },
  });
  await server.listen();
  const url = server.resolvedUrls?.local[0];
  if (url === undefined) throw new Error('the server must have a local address, got none');
  return { url, close: () => server.close() };
}
