import { InputError, StorageError } from '@flux-srpo/core';

/*
 * One Web Lock per stored model, by its URL. Whoever loads a model shares its lock; whoever writes
 * or removes it needs the lock alone. The browser takes a lock back when its tab or worker ends.
 */

/** Longest wait for a lock. A worker that was stopped a moment ago may still have it. */
const LOCK_WAIT_MS = 3_000;

/**
 * Runs `work` while nobody else uses the model; `input/conflict` where somebody does.
 *
 * @param steal takes the lock from whoever has it, whose own call rejects with an `AbortError`
 */
export async function withModelAlone<T>(url: string, work: () => Promise<T>, steal = false): Promise<T> {
  if (steal) return await navigator.locks.request(lockName(url), { steal }, work);
  return withLock(url, 'exclusive', work);
}

/** Keeps others from changing the model until the result is called or this tab or worker ends. */
export function shareModel(url: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    withLock(url, 'shared', () => new Promise<void>((release) => resolve(release))).catch(reject);
  });
}

/** Whether another tab or worker has the model too, which is shared here. */
export async function isUsedByOthers(url: string): Promise<boolean> {
  const { held = [] } = await navigator.locks.query();
  return held.filter(({ name }) => name === lockName(url)).length > 1;
}

const lockName = (url: string): string => `flux-srpo:${url}`;

async function withLock<T>(url: string, mode: LockMode, work: () => Promise<T>): Promise<T> {
  if (globalThis.navigator?.locks === undefined) {
    throw new StorageError('models cannot be stored here: the browser offers storage only to pages with HTTPS', {
      code: 'storage/unavailable',
    });
  }
  const name = lockName(url);
  const patience = AbortSignal.timeout(LOCK_WAIT_MS);
  let isHeld = false;
  try {
    return await navigator.locks.request(name, { mode, signal: patience }, () => {
      isHeld = true;
      return work();
    });
  } catch (error) {
    if (isHeld || !patience.aborted) throw error;
  }
  // A busy machine may have been late with a lock that nobody has.
  return await navigator.locks.request(name, { mode, ifAvailable: true }, (lock) => {
    if (lock !== null) return work();
    throw new InputError(`the model ${url} is in use here or in another tab; wait for it or unload it there`, {
      code: 'input/conflict',
      details: { model: url },
    });
  });
}
