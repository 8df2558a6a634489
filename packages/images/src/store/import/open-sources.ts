import { ModelError } from '@flux-srpo/core';
import {
  COMPONENTS,
  type Component,
  combineSources,
  type NetworkOptions,
  networkFile,
  type SourceFile,
  type SourceFolder,
} from '@flux-srpo/export';
import { blobSource } from '@flux-srpo/formats';
import type { FolderEntries, HubAccess, ImportInput, SourceEntry } from './import-messages.ts';

/** Opens everything that the page named as one pipeline. */
export async function openSources(input: ImportInput): Promise<SourceFolder> {
  const { folder, tokenizers, hub } = input;
  return await combineSources({
    folder: folder && folderSource(folder, hub),
    tokenizers: tokenizers && folderSource(tokenizers, hub),
    files: givenFiles(input),
  });
}

/** The files that are given for single networks. */
export function givenFiles({ files, hub }: ImportInput): Partial<Record<Component, SourceFile>> {
  const given: Partial<Record<Component, SourceFile>> = {};
  // One file that is given for several components is opened once.
  const known = new Map<SourceEntry, SourceFile>();
  for (const component of COMPONENTS) {
    const entry = files[component];
    if (entry === undefined) continue;
    const file = known.get(entry) ?? sourceFile(entry, hub);
    known.set(entry, file);
    given[component] = file;
  }
  return given;
}

export function folderSource(files: FolderEntries, hub: HubAccess): SourceFolder {
  return {
    list: async () => Object.keys(files),
    async open(path) {
      const entry = Object.hasOwn(files, path) ? files[path] : undefined;
      if (entry !== undefined) return { ...(await sourceFile(entry, hub).open()), name: path };
      throw new ModelError(`${path} is missing from the folder`, { code: 'model/file-missing', details: { path } });
    },
  };
}

function sourceFile(entry: SourceEntry, hub: HubAccess): SourceFile {
  if (entry instanceof File) return { name: entry.name, open: async () => blobSource(entry, entry.name) };
  return networkFile(entry, networkOptions(hub));
}

export function networkOptions(hub: HubAccess): NetworkOptions {
  return { ...hub, fetch: uncached };
}

/**
 * Each byte is read once. The browser's HTTP cache would only keep gigabytes of them, or answer
 * with bytes of a file that has changed since.
 */
const uncached: typeof fetch = (url, init) => fetch(url, { ...init, cache: 'no-store' });
