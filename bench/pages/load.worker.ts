import { modelParts } from '@flux-srpo/core';
import { type BundleFiles, createWebGpuBackend, httpBundle, openBundle } from '@flux-srpo/runtime';
import { blobBundle } from '../../test/support/blob-bundle.ts';
import { type LoadRates, measureLoading } from '../support/loading.ts';
import { answerOnce } from '../support/worker.ts';

export interface Input {
  bundle: string;
  rounds: number;
}

/** Rates by the place that the bytes come from. */
export type Result = Record<'http' | 'opfs', LoadRates>;

answerOnce<Input, Result>(async ({ bundle, rounds }) => {
  const measure = async (files: BundleFiles) =>
    measureLoading(files, await createWebGpuBackend({ selfTest: false }), rounds);
  const http = await measure(httpBundle(bundle));
  return { http, opfs: await measure(await copyToPrivateFiles(httpBundle(bundle))) };
});

/** Copies the measured files into the origin's private file system. */
async function copyToPrivateFiles(files: BundleFiles): Promise<BundleFiles> {
  const { manifest, close } = await openBundle(files);
  await close();
  const folder = await navigator.storage.getDirectory();
  const copies = new Map<string, Blob>();
  const blocks = new Set(modelParts(manifest.config).flatMap(({ name, use }) => (use === 'step' ? [name] : [])));
  const unused = new Set(manifest.parts.flatMap(({ name, weights = '' }) => (blocks.has(name) ? [] : [weights])));
  for (const path of ['manifest.json', ...manifest.files.map((file) => file.path)]) {
    if (unused.has(path)) continue;
    const source = await files.open(path);
    const handle = await folder.getFileHandle(path.replace('/', '-'), { create: true });
    const file = await handle.createWritable();
    for (let at = 0; at < source.size; at += 2 ** 23)
      await file.write(await source.read(at, Math.min(2 ** 23, source.size - at)));
    await file.close();
    copies.set(path, await handle.getFile());
  }
  return blobBundle(copies);
}
