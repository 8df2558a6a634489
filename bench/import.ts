import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pipelineFolder } from '@flux-srpo/export/node';
import { folderBundle } from '@flux-srpo/runtime/node';
import { writeLargePipeline } from '../test/support/large-pipeline.ts';
import type { Input } from './pages/import.worker.ts';
import { runWorker } from './support/chromium.ts';
import { serveBench } from './support/serve.ts';

// Memory of an import in Chromium. A worker converts a large bf16 checkpoint to q4 into the origin
// private file system, once from URLs and once from files; its JavaScript heap and buffers are
// measured.
//
//   npx tsx bench/import.ts [--megabytes 400] [--hidden 3072] [--folder <folder>]
//
// One JSON line per kind of source.

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '400' },
    hidden: { type: 'string', default: '3072' },
    folder: { type: 'string', default: tmpdir() },
  },
});

const folder = await mkdtemp(join(values.folder, 'flux-srpo-import-'));
try {
  const transformer = await writeLargePipeline(folder, Number(values.megabytes) * 1e6, Number(values.hidden));
  const { size } = await stat(transformer);
  const paths = await pipelineFolder(folder).list();
  const server = await serveBench(folderBundle(folder));
  try {
    for (const asFiles of [false, true]) {
      const input: Input = {
        id: 'bench',
        folder: Object.fromEntries(paths.map((path) => [path, server.bundle + path])),
        files: {},
        dtype: 'q4',
        hub: {},
        backends: ['wasm'],
        asFiles,
      };
      const started = performance.now();
      const { heap } = await runWorker(server.url, 'import.worker.ts', input);
      const seconds = (performance.now() - started) / 1000;
      process.stdout.write(
        `${JSON.stringify({ bench: 'import', from: asFiles ? 'files' : 'urls', sourceBytes: size, seconds, ...heap })}\n`,
      );
    }
  } finally {
    await server.close();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
