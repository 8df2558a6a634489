import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InputError, StorageError } from '@flux-srpo/core';
import { fileSink } from '@flux-srpo/formats/node';
import type { BundleSink } from '../bundle-writer.ts';
import { isObject } from '../source.ts';

/**
 * A bundle folder that appears whole or not at all: files go to `<out>.partial-<random>`, which takes the name `out` at
 * the end. A bundle that is already there is replaced then; anything else that is there is refused.
 */
export async function bundleFolder(out: string): Promise<BundleSink> {
  const target = resolve(out);
  await refuseToOverwrite(target);
  const suffix = randomBytes(4).toString('hex');
  const partial = `${target}.partial-${suffix}`;
  await writing(out, () => mkdir(partial, { recursive: true }));
  return {
    async create(path) {
      const file = join(partial, path);
      await writing(path, () => mkdir(dirname(file), { recursive: true }));
      const sink = await writing(path, () => fileSink(file));
      return {
        write: (bytes) => writing(path, () => sink.write(bytes)),
        close: () => writing(path, () => sink.close()),
      };
    },
    async commit() {
      await refuseToOverwrite(target);
      const old = `${target}.old-${suffix}`;
      const replaced = await rename(target, old).then(
        () => true,
        () => false,
      );
      try {
        await writing(out, () => rename(partial, target));
      } catch (error) {
        if (replaced) await rename(old, target);
        throw error;
      }
      if (replaced) await rm(old, { recursive: true, force: true });
    },
    abort: () => rm(partial, { recursive: true, force: true }),
  };
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
    // No manifest, or not one of ours.
    return false;
  }
}

/** Runs a disk operation; what the system refuses becomes a StorageError that says what to do. */
async function writing<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
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
