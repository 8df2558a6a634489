import { createWasmBackend, createWebGpuBackend, httpBundle, keepAll, openBundle } from '@flux-srpo/runtime';
import { openModel } from '../../packages/images/src/store/open-model.ts';
import type { SyncFile } from '../../packages/images/src/store/opfs/opfs-files.ts';
import { folderName, openModelsFolder } from '../../packages/images/src/store/opfs/opfs-models.ts';
import { type LoadRates, measureLoading, type Place, plainReads } from '../support/loading.ts';
import { answerOnce } from '../support/worker.ts';

export interface Input {
  bundle: string;
  provider: 'webgpu' | 'wasm';
  from: 'http' | 'kept';
  rounds: number;
}

answerOnce<Input, LoadRates>(async ({ bundle, provider, from, rounds }, note) => {
  const place = from === 'http' ? plainPlace(bundle) : await keptPlace(bundle);
  const backend = provider === 'wasm' ? await createWasmBackend() : await createWebGpuBackend({ selfTest: false });
  return measureLoading(place, backend, rounds, note);
});

function plainPlace(bundle: string): Place {
  const files = httpBundle(bundle);
  return { files, read: plainReads(files) };
}

/** Keeps the bundle as `load` does. A plain read opens a chunk's file, reads it and closes it. */
async function keptPlace(url: string): Promise<Place> {
  const { files, chunks: store } = await openModel({ model: url, keep: true });
  const bundle = await openBundle(files, { store: store! });
  await store!.begin(bundle.manifest, true);
  await keepAll(bundle, store!, { signal: new AbortController().signal, onProgress: () => undefined });
  await store!.end(bundle.manifest);
  const folder = await (await openModelsFolder()).getDirectoryHandle(folderName(url));
  return {
    files,
    store: store!,
    async read({ sha256, bytes }, into) {
      const file = (await folder.getFileHandle(sha256)) as SyncFile;
      const access = await file.createSyncAccessHandle();
      access.read(new Uint8Array(into, 0, bytes), { at: 0 });
      access.close();
      return new Uint8Array(into, 0, bytes);
    },
  };
}
