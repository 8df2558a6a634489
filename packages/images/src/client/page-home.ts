import { assertPage } from './assert-page.ts';
import type { Home } from './home.ts';

export const pageHome: Home = {
  assertCanCompute: assertPage,
  startWorker(url) {
    // The literal form is what bundlers look for.
    if (url === undefined) return new Worker(new URL('../worker.ts', import.meta.url), { type: 'module' });
    return new Worker(url, { type: 'module' });
  },
  probeAdapter: async () => (await import('../probe/page-adapter.ts')).probePageAdapter(),
};
