/**
 * Takes a Web Lock until the result is called, or this tab or worker ends. Where there are no locks
 * (a page without HTTPS), everybody gets it.
 *
 * @returns undefined where somebody has it and `ifAvailable` is set
 */
export async function takeLock(name: string, options: LockOptions = {}): Promise<(() => void) | undefined> {
  if (globalThis.navigator?.locks === undefined) return () => undefined;
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(name, options, (lock) => {
        if (lock === null) return resolve(undefined);
        return new Promise<void>((release) => resolve(release));
      })
      .catch(reject);
  });
}

/** Names of the locks that are held now, in any tab of this origin. */
export async function heldLocks(): Promise<Set<string>> {
  const { held = [] } = (await globalThis.navigator?.locks?.query()) ?? {};
  return new Set(held.flatMap(({ name = '' }) => name));
}
