import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FaultServer, startFaultServer } from '../../support/fault-server.ts';
import { installPacked } from '../../support/packed.ts';
import { writePlainSite } from '../../support/plain-site.ts';
import { type StaticServer, serveFolder } from '../../support/serve-folder.ts';

/** The published library on one server, as plain files, and models on another. */
export interface PublishedSite {
  /** Of the page. */
  url: string;
  models: FaultServer;
  close(): Promise<void>;
}

/** What docs/embed.md tells servers to send with the worker and the `.wasm` file. */
const CACHED = { 'cache-control': 'public, max-age=31536000, immutable' };

/** @param files of models, by path on their server */
export async function servePublishedSite(files: ReadonlyMap<string, Uint8Array>): Promise<PublishedSite> {
  const folder = await mkdtemp(join(tmpdir(), 'flux-srpo-endure-'));
  const site = join(folder, 'site');
  await installPacked(join(folder, 'app'));
  await writePlainSite(join(folder, 'app'), site);
  await cp(fileURLToPath(new URL('page.html', import.meta.url)), join(site, 'index.html'));
  const pages: StaticServer = await serveFolder(site, CACHED);
  const models = await startFaultServer(files);
  return {
    url: pages.url,
    models,
    async close() {
      await Promise.all([pages.close(), models.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Files under another folder. */
export function below(folder: string, files: ReadonlyMap<string, Uint8Array>): [string, Uint8Array][] {
  return [...files].map(([path, bytes]) => [`${folder}/${path}`, bytes]);
}
