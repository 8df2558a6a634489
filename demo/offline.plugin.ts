import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Plugin, transformWithOxc } from 'vite';

/** Larger files are kept when they are first read. */
const LARGE_BYTES = 1e6;

/** Writes the service worker `sw.js`, which knows every file of this build. */
export function offline(): Plugin {
  return {
    name: 'offline',
    apply: 'build',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      async handler(_options, bundle) {
        const hash = createHash('sha256');
        const files: string[] = ['./', 'manifest.webmanifest', 'icon.svg'];
        const large: string[] = [];
        for (const [path, file] of Object.entries(bundle).sort(([a], [b]) => (a < b ? -1 : 1))) {
          const content = file.type === 'chunk' ? file.code : file.source;
          hash.update(path).update(content);
          if (path !== 'index.html') (content.length > LARGE_BYTES ? large : files).push(path);
        }
        const path = fileURLToPath(new URL('./sw.ts', import.meta.url));
        const { code } = await transformWithOxc(await readFile(path, 'utf8'), path);
        const constants = Object.entries({ VERSION: hash.digest('hex').slice(0, 16), FILES: files, LARGE: large });
        const head = constants.map(([name, value]) => `const ${name} = ${JSON.stringify(value)};\n`).join('');
        // A classic script: browsers came to module workers late.
        const script = head + code.replace(/^export \{\};?$/m, '');
        this.emitFile({ type: 'asset', fileName: 'sw.js', source: script });
      },
    },
  };
}
