import type { ResumableSink } from '@flux-srpo/export';
import { blobSource } from '@flux-srpo/formats';
import { bytesOf, entriesOf, findFile } from './opfs-files.ts';
import { JOURNAL } from './opfs-models.ts';
import { hasRoom, openForWriting, storageFull, withStorageErrors, writeAll } from './opfs-write.ts';

/**
 * Writes a bundle to the folder `name` of `models`. Every byte that a file has taken stays even if
 * the tab dies. The journal is the first file and the last to be deleted, so that an unfinished
 * folder never looks complete.
 */
export async function opfsSink(models: FileSystemDirectoryHandle, name: string): Promise<ResumableSink> {
  const guard = <T>(act: () => Promise<T>) => withStorageErrors(name, act);
  const [folder, journal] = await guard(async () => {
    const made = await models.getDirectoryHandle(name, { create: true });
    return [made, (await openForWriting(made, JOURNAL)).access] as const;
  });
  const retain = (paths: ReadonlySet<string>) => guard(() => removeOthers(folder, new Set([...paths, JOURNAL])));

  const writeJournal = (text: string, at: number) =>
    guard(async () => {
      journal.truncate(at);
      writeAll(journal, new TextEncoder().encode(text), at, name);
      journal.flush();
    });

  return {
    create: (path) =>
      withStorageErrors(path, async () => {
        const [file, directory] = path.split('/').reverse() as [string, string?];
        const parent = directory === undefined ? folder : await folder.getDirectoryHandle(directory, { create: true });
        const { access } = await openForWriting(parent, file);
        access.truncate(0);
        let at = 0;
        return {
          write: (bytes) =>
            withStorageErrors(path, async () => {
              writeAll(access, bytes, at, path);
              at += bytes.length;
            }),
          close: () =>
            withStorageErrors(path, async () => {
              try {
                access.flush();
              } finally {
                access.close();
              }
            }),
        };
      }),
    async commit(paths) {
      await retain(paths);
      journal.close();
      await guard(() => folder.removeEntry(JOURNAL));
    },
    async abort() {
      journal.close();
      await guard(() => models.removeEntry(name, { recursive: true }));
    },
    journal: {
      async read() {
        const bytes = new Uint8Array(journal.getSize());
        journal.read(bytes, { at: 0 });
        return new TextDecoder().decode(bytes);
      },
      // A crash inside this leaves a journal without a whole first line. Then the next import
      // starts over.
      replace: (text) => writeJournal(text, 0),
      append: (text) => writeJournal(text, journal.getSize()),
    },
    async reserve(bytes) {
      const needed = Math.max(0, bytes - (await bytesOf(folder)));
      if (!(await hasRoom(folder, needed))) throw storageFull(name, { needed });
    },
    async reopen(path) {
      const file = await findFile(folder, path);
      return file && blobSource(file, path);
    },
    retain: async (paths) => void (await retain(paths)),
    async suspend() {
      journal.close();
    },
  };
}

/** Removes all files but `paths`, and empty folders. Returns how many entries stay. */
async function removeOthers(
  folder: FileSystemDirectoryHandle,
  paths: ReadonlySet<string>,
  below = '',
): Promise<number> {
  let kept = 0;
  for (const [name, handle] of await entriesOf(folder)) {
    const path = below + name;
    const stays = handle.kind === 'file' ? paths.has(path) : (await removeOthers(handle, paths, `${path}/`)) > 0;
    if (stays) kept++;
    else await folder.removeEntry(name);
  }
  return kept;
}
