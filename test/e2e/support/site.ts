import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { buildPage } from '../../support/build-page.ts';
import { serveFolder } from '../../support/serve-folder.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of the built page, with a slash at its end. */
    site: string;
    /** The folder with its files. */
    siteFolder: string;
  }
}

/** Builds the page once for all files of the tier. A static host has it in a folder. */
export default async function serveSite({ provide }: TestProject): Promise<() => Promise<void>> {
  const host = await mkdtemp(join(tmpdir(), 'flux-srpo-site-'));
  const siteFolder = join(host, 'some', 'folder');
  await buildPage(siteFolder);
  const server = await serveFolder(host);
  provide('site', `${server.url}some/folder/`);
  provide('siteFolder', siteFolder);
  return async () => {
    await server.close();
    await rm(host, { recursive: true, force: true });
  };
}
