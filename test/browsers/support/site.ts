import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPacked } from '../../support/packed.ts';
import { writePlainSite } from '../../support/plain-site.ts';
import { serveFolder } from '../../support/serve-folder.ts';
import { writeBundle, writePipeline } from '../../support/write-fixture.ts';

/** What docs/embed.md tells servers to send with the worker and the `.wasm` file. */
const CACHED = { 'cache-control': 'public, max-age=31536000, immutable' };

/** The published package in a page of plain files, with a small model. */
export interface Site {
  url: string;
  /** Paths of the same model's checkpoint, below `pipeline/`. */
  pipeline: readonly string[];
  /** @returns what was asked of the model since then: path and range */
  asked(): () => string[];
  /** Answers so many requests for the model's weights, and the others when the result is called. */
  holdAfter(count: number): () => void;
  /** Runs while nothing is served. */
  without<T>(run: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export async function openSite(): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'flux-srpo-browsers-'));
  const app = join(folder, 'app');
  const site = join(folder, 'site');
  await installPacked(app);
  await writePlainSite(app, site);
  await writeBundle('a-3x32', join(site, 'model'));
  const pipeline = await writePipeline('a-3x32', join(site, 'pipeline'));
  await cp(fileURLToPath(new URL('page.html', import.meta.url)), join(site, 'index.html'));
  let held: { answers: number; until: Promise<void> } | undefined;
  const beforeFile = (path: string) =>
    held !== undefined && path.startsWith('/model/weights/') && held.answers-- <= 0 ? held.until : undefined;
  let server = await serveFolder(site, CACHED, { beforeFile });
  const { url } = server;
  return {
    url,
    pipeline,
    asked() {
      const { ranges } = server;
      const before = ranges.length;
      return () => ranges.slice(before).filter((range) => range.startsWith('/model/'));
    },
    holdAfter(answers) {
      let goOn = () => {};
      const until = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      held = { answers, until };
      return () => {
        held = undefined;
        goOn();
      };
    },
    async without(run) {
      await server.close();
      try {
        return await run();
      } finally {
        server = await serveFolder(site, CACHED, { port: Number(new URL(url).port), beforeFile });
      }
    },
    async close() {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
