/**
 * Keeps the page itself for visits without a network; the library keeps the model. A page that is
 * served from source has no service worker.
 */
export async function keepForOffline(): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  // A browser that denies it shows the page all the same.
  await navigator.serviceWorker.register('./sw.js').catch(() => undefined);
}

/** Has what computes kept too, once it is known what that is. */
export async function keepBackend(backend: 'webgpu' | 'wasm' | 'remote'): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  const { active } = await navigator.serviceWorker.ready;
  active?.postMessage(backend);
}
