import type { ResumableSink } from '@flux-srpo/export';
import { blobSource } from '@flux-srpo/formats';
import { bytesOf, entriesOf, findFile } from './opfs-files.ts';
import { JOURNAL } from './opfs-models.ts';
import {
  createFile,
  hasRoom,
  removeStrays,
  removeUnused,
  storageFull,
  withStorageErrors,
  writeFile,
} from './opfs-write.ts';

/**
 * Writes a bundle to the folder `name` of `models`. Every file that was closed stays even if the
 * tab dies. The journal is there before the manifest and is the last to be deleted, so that an
 * unfinished folder never looks complete. It is written anew each time, so that no tab that hangs
 * can hold it.
 */
export async function opfsSink(models: FileSystemDirectoryHandle, name: string): Promise<ResumableSink> {
  const guard = <T>(act: () => Promise<T>) => withStorageErrors(name, act);
  const folder = await guard(() => models.getDirectoryHandle(name, { create: true }));
  await guard(() => removeStrays(folder));
  const retain = (paths: ReadonlySet<string>) => guard(() => removeOthers(folder, new Set([...paths, JOURNAL])));
  const readJournal = async () => (await (await findFile(folder, JOURNAL))?.text()) ?? '';
  const writeJournal = (text: string) => writeFile(folder, JOURNAL, new TextEncoder().encode(text));

  return {
    create: (path) => createFile(folder, path, { flush: true }),
    async commit(paths) {
      await retain(paths);
      await guard(() => folder.removeEntry(JOURNAL));
    },
    abort: () => guard(() => removeUnused(models, name, { recursive: true })),
    journal: {
      read: readJournal,
      replace: writeJournal,
      append: async (text) => writeJournal((await readJournal()) + text),
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
    // Nothing is open between two files.
    async suspend() {},
  };
}

/**
 * Removes all files but `paths` and those that a tab that hangs holds, and empty folders. Returns
 * how many entries stay.
 */
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
    else await removeUnused(folder, name);
  }
  return kept;
}
