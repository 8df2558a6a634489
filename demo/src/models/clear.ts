import { promisifyRequest } from 'idb-keyval';

/** What this page and its library call whatever they keep begins so. */
const OURS = 'flux-srpo';

/**
 * Removes all that the page keeps in this browser besides models: itself for offline, pictures,
 * folders, what was measured of the machine, preferences.
 */
export async function clearRest(): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  await registration?.unregister();
  for (const name of (await globalThis.caches?.keys()) ?? []) if (name.startsWith(OURS)) await caches.delete(name);
  for (const { name } of (await indexedDB.databases?.()) ?? []) if (name?.startsWith(OURS)) await empty(name);
  for (const key of Object.keys(localStorage)) if (key.startsWith(OURS)) localStorage.removeItem(key);
}

/** Emptied, not deleted: that would wait until every tab has closed it. */
async function empty(name: string): Promise<void> {
  const database = await promisifyRequest(indexedDB.open(name));
  const stores = [...database.objectStoreNames];
  if (stores.length > 0) {
    const transaction = database.transaction(stores, 'readwrite');
    for (const store of stores) transaction.objectStore(store).clear();
    await promisifyRequest(transaction);
  }
  database.close();
}
