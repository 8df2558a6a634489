import { type Bytes, sha256Hex } from '@flux-srpo/formats';

/*
 * Earlier versions kept what they fetched in Cache storage: a cache for each address, with the
 * manifest and each chunk under its SHA-256. The next `load` or `fetch` moves them to where chunks
 * are now, without a network.
 */

const PREFIX = 'flux-srpo ';
/** Cache storage wants URLs as keys. Nothing is ever fetched from this one. */
const KEYS = 'https://chunks.invalid/';

/** Addresses of the models that are there. None where the browser denies the page its caches. */
export async function olderModels(): Promise<string[]> {
  const names = (await globalThis.caches?.keys().catch(() => undefined)) ?? [];
  return names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length));
}

/** Key → bytes of everything that is there of a model. */
export async function olderFiles(url: string): Promise<Map<string, number>> {
  const cache = await openOlder(url);
  const requests = (await cache?.keys()) ?? [];
  const responses = (await cache?.matchAll()) ?? [];
  const sizes = responses.map(({ headers }) => Number(headers.get('content-length')));
  return new Map(requests.map((request, i) => [request.url.slice(KEYS.length), sizes[i] ?? 0]));
}

/** @param key a chunk's hash, or `manifest.json` */
export async function readOlder(url: string, key: string): Promise<Bytes | undefined> {
  const response = await (await openOlder(url))?.match(KEYS + key);
  return response && new Uint8Array(await response.arrayBuffer());
}

/** Gives every undamaged chunk to `put`, and removes it here. In the end nothing is left. */
export async function moveOlder(url: string, put: (sha256: string, bytes: Bytes) => Promise<void>): Promise<void> {
  for (const key of (await olderFiles(url)).keys()) {
    const bytes = await readOlder(url, key);
    if (bytes !== undefined && (await sha256Hex(bytes)) === key) await put(key, bytes);
    await (await openOlder(url))?.delete(KEYS + key);
  }
  await removeOlder(url);
}

export async function removeOlder(url: string): Promise<void> {
  await globalThis.caches?.delete(PREFIX + url).catch(() => undefined);
}

/** Opening creates a cache, so only one that is there is opened. */
async function openOlder(url: string): Promise<Cache | undefined> {
  const isThere = await globalThis.caches?.has(PREFIX + url).catch(() => false);
  return isThere ? caches.open(PREFIX + url) : undefined;
}
