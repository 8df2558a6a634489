import { open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { InputError } from '@flux-srpo/core';

/** Locks that this process holds. Its id in a lock file is no proof: systems use ids again. */
const held = new Set<string>();

/**
 * Makes the lock file `path`, which names its process. Refuses where a living process holds it; the
 * lock of a killed one is taken over.
 * @param what names the locked thing in the message
 * @returns releases the lock; the file may be gone by then
 */
export async function lockFile(path: string, what: string): Promise<() => Promise<void>> {
  for (let isRetry = false; ; isRetry = true) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(JSON.stringify({ pid: process.pid, host: hostname() }));
      await file.close();
      held.add(path);
      return async () => {
        held.delete(path);
        await rm(path, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const owner = await readOwner(path);
      if (isRetry || held.has(path) || mayLive(owner)) throw inUse(what, path, owner);
      await rm(path, { force: true });
    }
  }
}

interface Owner {
  pid?: number;
  host?: string;
}

async function readOwner(path: string): Promise<Owner> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Owner;
  } catch {
    // The owner was killed while it wrote, or the file is gone.
    return {};
  }
}

function mayLive({ pid, host }: Owner): boolean {
  if (!Number.isSafeInteger(pid) || pid === process.pid) return false;
  // On a shared disk: a process of another machine cannot be asked.
  if (host !== hostname()) return true;
  try {
    process.kill(pid as number, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function inUse(what: string, path: string, { pid, host }: Owner): InputError {
  return new InputError(
    `${what} must be written by one process at a time, got process ${pid} on ${host}; wait for it, or remove ${path} if it has ended`,
    { code: 'input/conflict', details: { what, pid, host } },
  );
}
