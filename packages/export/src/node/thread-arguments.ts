import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** Node's arguments for a thread in TypeScript: `tsx/esm` itself loads in the main thread only. */
export function threadArguments(script: URL): string[] {
  if (!script.pathname.endsWith('.ts')) return [];
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx/esm'));
  // By path: by name, `require` finds the CommonJS build, which does not find its own files.
  const register = `import { register } from ${JSON.stringify(new URL('./api/index.mjs', tsx).href)}; register();`;
  return ['--import', `data:text/javascript,${encodeURIComponent(register)}`];
}
