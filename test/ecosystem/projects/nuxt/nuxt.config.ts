export default defineNuxtConfig({
  compatibilityDate: '2026-11-01',
  app: { baseURL: '/sub/' },
  // The worker loads the runtime on demand, which a worker in one piece cannot do.
  vite: { worker: { format: 'es' } },
});
