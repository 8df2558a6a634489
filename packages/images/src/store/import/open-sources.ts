import { ModelError } from '@flux-srpo/core';
import { COMPONENTS, type Component, combineSources, type SourceFile, type SourceFolder } from '@flux-srpo/export';
import { type ByteSource, blobSource, httpSource, openRetrying } from '@flux-srpo/formats';
import type { FolderEntries, ImportInput, SourceEntry } from './import-messages.ts';

/** Opens everything that the page named as one pipeline. */
export async function openSources({ folder, tokenizers, files, token }: ImportInput): Promise<SourceFolder> {
  const given: Partial<Record<Component, SourceFile>> = {};
  // One file that is given for several components is opened once.
  const known = new Map<SourceEntry, SourceFile>();
  for (const component of COMPONENTS) {
    const entry = files[component];
    if (entry === undefined) continue;
    const file = known.get(entry) ?? sourceFile(entry, token);
    known.set(entry, file);
    given[component] = file;
  }
  return await combineSources({
    folder: folder && folderSource(folder, token),
    tokenizers: tokenizers && folderSource(tokenizers, token),
    files: given,
  });
}

function sourceFile(entry: SourceEntry, token: string | undefined): SourceFile {
  const name = nameOf(entry);
  const file = { name, open: () => open(entry, name, token) };
  if (entry instanceof File) return file;
  return { ...file, beside: (other) => sourceFile(new URL(other, entry).href, token) };
}

export function folderSource(files: FolderEntries, token: string | undefined): SourceFolder {
  return {
    list: async () => Object.keys(files),
    async open(path) {
      const entry = Object.hasOwn(files, path) ? files[path] : undefined;
      if (entry !== undefined) return await open(entry, path, token);
      throw new ModelError(`${path} is missing from the folder`, { code: 'model/file-missing', details: { path } });
    },
  };
}

async function open(entry: SourceEntry, name: string, token: string | undefined): Promise<ByteSource> {
  if (entry instanceof File) return blobSource(entry, name);
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return { ...(await openRetrying(() => httpSource(entry, { headers, fetch: uncached }))), name };
}

/**
 * Each byte is read once. The browser's HTTP cache would only keep gigabytes of them, or answer
 * with bytes of a file that has changed since.
 */
const uncached: typeof fetch = (url, init) => fetch(url, { ...init, cache: 'no-store' });

function nameOf(entry: SourceEntry): string {
  return (entry instanceof File ? entry.name : new URL(entry).pathname).split('/').pop() || 'file';
}
