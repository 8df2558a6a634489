import adapter from '@sveltejs/adapter-node';
import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vite';

export default defineConfig({
  // Compressing the 57 MB of WebAssembly files would take minutes of each build.
  plugins: [sveltekit({ adapter: adapter({ precompress: false }), paths: { base: '/sub' } })],
  // The worker loads the runtime on demand, which a worker in one piece cannot do.
  worker: { format: 'es' },
});
