import { appendFile, mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InputError, isFluxError, StorageError } from '@flux-srpo/core';
import { fileSink, fileSource } from '@flux-srpo/formats/node';
import type { ResumableSink } from '../bundle/bundle-sink.ts';
import { isObject } from '../sources/source-folder.ts';
import { lockFile } from './folder-lock.ts';

/**
 * A bundle folder that appears whole or not at all. Until then everything is in `<out>.partial`:
 * the files under `bundle`, the journal, a lock, and while folders are exchanged the previous
 * bundle. Refuses where `out` is anything but a bundle or an empty folder.
 */
export async function bundleFolder(out: string): Promise<ResumableSink> {
  const target = resolve(out);
  await refuseToOverwrite(target);
  const partial = `${target}.partial`;
  const files = join(partial, 'bundle');
  const replaced = join(partial, 'replaced');
  const journal = join(partial, 'journal');
  await writing(out, async () => {
    await mkdir(dirname(target), { recursive: true });
    // Not recursively: where no folder can be made (/proc), Node 20 tries for ever.
    for (const folder of [partial, files]) await mkdir(folder).catch(refuseUnlessThere);
  });
  const unlock = await writing(out, () => lockFile(join(partial, 'lock'), out));
  await restore(replaced, target);

  async function retain(paths: ReadonlySet<string>): Promise<void> {
    for (const folder of await readdir(files, { withFileTypes: true })) {
      const names = folder.isDirectory()
        ? (await readdir(join(files, folder.name))).map((name) => `${folder.name}/${name}`)
        : [folder.name];
      for (const path of names) if (!paths.has(path)) await rm(join(files, path), { recursive: true });
      // Fails where files are left in it, which is fine.
      if (folder.isDirectory()) await rmdir(join(files, folder.name)).catch(() => undefined);
    }
  }

  return {
    async create(path) {
      const file = join(files, path);
      await writing(path, async () => {
        await mkdir(dirname(file), { recursive: true });
        await rm(file, { force: true });
      });
      return await fileSink(file);
    },
    async commit(paths) {
      await refuseToOverwrite(target);
      await writing(out, () => retain(paths));
      await rename(target, replaced).catch(() => undefined);
      await writing(out, () => rename(files, target)).catch(async (error: unknown) => {
        await restore(replaced, target);
        throw error;
      });
      await rm(partial, { recursive: true, force: true });
      await unlock();
    },
    async abort() {
      await rm(partial, { recursive: true, force: true });
      await unlock();
    },
    journal: {
      read: () => readFile(journal, 'utf8').catch(() => ''),
      async replace(text) {
        const next = `${journal}.next`;
        await writing('journal', async () => {
          await writeFile(next, text);
          await rename(next, journal);
        });
      },
      append: (text) => writing('journal', () => appendFile(journal, text)),
    },
    async reopen(path) {
      return await fileSource(join(files, path)).catch(() => undefined);
    },
    retain: (paths) => writing(out, () => retain(paths)),
    suspend: unlock,
  };
}

function refuseUnlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

/** After a commit that was stopped: puts the previous bundle back, or removes it if replaced. */
async function restore(replaced: string, target: string): Promise<void> {
  const there = await stat(target).catch(() => undefined);
  if (there !== undefined) await rm(replaced, { recursive: true, force: true });
  else await rename(replaced, target).catch(() => undefined);
}

/** Throws unless `target` is absent, an empty folder or a bundle. */
async function refuseToOverwrite(target: string): Promise<void> {
  const info = await stat(target).catch(() => undefined);
  if (info === undefined) return;
  if (info.isDirectory() && ((await readdir(target)).length === 0 || (await isBundle(target)))) return;
  throw new InputError(`${target} must be a bundle to replace or not exist, got something else; choose another name`, {
    code: 'input/conflict',
    details: { out: target },
  });
}

async function isBundle(folder: string): Promise<boolean> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
    return isObject(manifest) && Number.isInteger(manifest.schema) && Array.isArray(manifest.parts);
  } catch {
    // No manifest, or not a bundle's.
    return false;
  }
}

/** Runs a disk operation. Its failure becomes a StorageError. */
async function writing<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (isFluxError(cause)) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    const isFull = code === 'ENOSPC' || code === 'EDQUOT';
    throw new StorageError(
      `cannot write ${what}: ${isFull ? 'the disk is full' : (code ?? (cause as Error).message)}`,
      {
        code: isFull ? 'storage/quota-exceeded' : 'storage/write-failed',
        details: { what, system: code ?? null },
        cause,
      },
    );
  }
}
