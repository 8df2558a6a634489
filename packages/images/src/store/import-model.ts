import { InputError, ModelError } from '@flux-srpo/core';
import {
  COMPONENTS,
  type Component,
  combineSources,
  convertPipeline,
  FLUX_SRPO_INFO,
  type PipelineSource,
  parseBundleInfo,
  type SourceFile,
} from '@flux-srpo/export';
import { blobSource, httpSource, retryingSource } from '@flux-srpo/formats';
import type { ImportInput, ImportMessage, SourceEntry, StoredModel } from './import-protocol.ts';
import { opfsSink } from './opfs-sink.ts';
import { alone, checkId, find, isComplete, openRoot, storedModelUrl } from './stored-models.ts';

/** A checkpoint in, a model of the storage out. Only in a dedicated worker, which may be terminated at any moment. */
export async function importModel(input: ImportInput, post: (message: ImportMessage) => void): Promise<StoredModel> {
  const info = input.info === undefined ? FLUX_SRPO_INFO : parseBundleInfo(input.info);
  const id = checkId(input.id ?? info.model);
  const { token } = input;
  const files: Partial<Record<Component, SourceFile>> = {};
  // The same file for several components is one source.
  const known = new Map<SourceEntry, SourceFile>();
  for (const component of COMPONENTS) {
    const entry = input.files[component];
    if (entry === undefined) continue;
    const file = known.get(entry) ?? { name: nameOf(entry), open: () => open(entry, nameOf(entry), token) };
    known.set(entry, file);
    files[component] = file;
  }
  const source = await combineSources({
    folder: input.folder && folderSource(input.folder, token),
    tokenizers: input.tokenizers && folderSource(input.tokenizers, token),
    files,
  });
  return await alone(id, async () => {
    const root = await openRoot();
    const existing = await find(root.getDirectoryHandle(id));
    if (existing !== undefined && (await isComplete(existing))) {
      throw new InputError(`there is a model ${storedModelUrl(id)}; remove it first, or give another id`, {
        code: 'input/conflict',
        details: { id },
      });
    }
    const { manifest, bytes } = await convertPipeline(source, await opfsSink(root, id), {
      dtype: input.dtype,
      info,
      safetyChecker: input.safetyChecker && folderSource(input.safetyChecker, token),
      onProgress: (progress) => post({ type: 'progress', progress }),
      onNotice: (notice) => post({ type: 'notice', notice }),
    });
    return { id, url: storedModelUrl(id), state: 'complete', bytes, model: manifest.model, name: manifest.name };
  });
}

function folderSource(files: Readonly<Record<string, SourceEntry>>, token: string | undefined): PipelineSource {
  return {
    list: async () => Object.keys(files),
    async open(path) {
      const entry = Object.hasOwn(files, path) ? files[path] : undefined;
      if (entry !== undefined) return await open(entry, path, token);
      throw new ModelError(`${path} is missing from the folder`, { code: 'model/file-missing', details: { path } });
    },
  };
}

async function open(entry: SourceEntry, name: string, token: string | undefined) {
  if (entry instanceof File) return blobSource(entry, name);
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return retryingSource({ ...(await httpSource(entry, { headers, fetch: uncached })), name });
}

/** Each byte is read once, and the browser's cache would keep gigabytes of them, or answer with bytes of a file that is no longer there. */
const uncached: typeof fetch = (url, init) => fetch(url, { ...init, cache: 'no-store' });

function nameOf(entry: SourceEntry): string {
  return (entry instanceof File ? entry.name : new URL(entry).pathname).split('/').pop() || 'file';
}
