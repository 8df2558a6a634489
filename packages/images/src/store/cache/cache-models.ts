import { toWireError } from '@flux-srpo/core';
import { withModelAlone } from '../model-lock.ts';
import type { StoredModel } from '../model-storage.ts';
import { readStoredManifest } from '../read-stored-manifest.ts';

/*
 * Where kept models are: Cache storage has one cache for each address. In it are the manifest and
 * the chunks of the bundle's files, each under its SHA-256. An entry is put whole or not at all,
 * and its hash is checked whenever it is read.
 */

const PREFIX = 'flux-srpo ';
/** Cache storage wants URLs as keys. Nothing is ever fetched from this one. */
export const CHUNKS = 'https://chunks.invalid/';
export const MANIFEST = `${CHUNKS}manifest.json`;

export function cacheName(url: string): string {
  return PREFIX + url;
}

/** Whether an id of the list is a kept model's: an address. Names in OPFS never have a slash. */
export function isKeptUrl(id: string): boolean {
  return id.includes('/') && URL.canParse(id);
}

/** Every bundle of which something is kept. */
export async function listKeptModels(): Promise<StoredModel[]> {
  // Pages without HTTPS have no caches, and private windows may refuse them: then nothing can be
  // kept.
  const names = (await globalThis.caches?.keys().catch(() => undefined)) ?? [];
  const urls = names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length));
  return await Promise.all(urls.map(describeKeptModel));
}

/** What is kept of the bundle at `url`. */
export async function describeKeptModel(url: string): Promise<StoredModel> {
  const entry = { id: url, kind: 'kept', url } as const;
  let bytes = 0;
  try {
    const cache = await caches.open(cacheName(url));
    const [requests, responses] = await Promise.all([cache.keys(), cache.matchAll()]);
    for (const response of responses) bytes += Number(response.headers.get('content-length'));
    const { model, name, files } = await readStoredManifest(await (await cache.match(MANIFEST))?.blob());
    const keys = new Set(requests.map((request) => request.url));
    const isComplete = files.every(({ chunks }) => chunks.every((sha256) => keys.has(CHUNKS + sha256)));
    if (!isComplete) return { ...entry, bytes, state: 'unfinished' };
    return { ...entry, bytes, state: 'complete', model, name };
  } catch (error) {
    return { ...entry, bytes, state: 'unreadable', error: toWireError(error) };
  }
}

export async function removeKeptModel(url: string): Promise<void> {
  await withModelAlone(url, () => forgetKeptModel(url));
}

/** Removes what is kept of `url`, even while loaded: chunks then come from the network. */
export async function forgetKeptModel(url: string): Promise<void> {
  await globalThis.caches?.delete(cacheName(url));
}
