import { defineConfig } from 'vite';

export default defineConfig({
  // Any path of any site.
  base: './',
  // The worker loads the runtime on demand, which a worker in one piece cannot do.
  worker: { format: 'es' },
});
