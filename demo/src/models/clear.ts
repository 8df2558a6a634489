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
  for (const { name } of (await indexedDB.databases?.()) ?? []) {
    // Not awaited: a tab that has it open holds it up until it closes.
    if (name?.startsWith(OURS)) indexedDB.deleteDatabase(name);
  }
  for (const key of Object.keys(localStorage)) if (key.startsWith(OURS)) localStorage.removeItem(key);
}
