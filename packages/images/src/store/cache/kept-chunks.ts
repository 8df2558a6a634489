import { type Manifest, manifestChunks, StorageError } from '@flux-srpo/core';
import type { ChunkStore } from '@flux-srpo/runtime';
import { alone } from '../alone.ts';
import { openModelsFolder } from '../opfs/opfs-models.ts';
import { hasRoom } from '../opfs/opfs-write.ts';
import { CHUNKS, cacheName, forgetKeptModel, MANIFEST } from './cache-models.ts';
import { offeredRoom, tooLittleRoom } from './cache-room.ts';

/**
 * The chunks of one bundle in Cache storage. Nothing is written before `begin`, nothing stays
 * where not everything can, and `refusal` says why.
 */
export class KeptChunks implements ChunkStore {
  readonly #url: string;
  readonly #name: string;
  /** Bytes of the manifest from the network. */
  #manifest: Uint8Array<ArrayBuffer> | undefined;
  #isFilling = false;
  /**
   * Held while the bundle is fetched. When somebody removes the cache meanwhile, what is put goes
   * with this object, and no half of a model comes back.
   */
  #cache: Promise<Cache> | undefined;
  #refusal: StorageError | undefined;

  constructor(url: string) {
    this.#url = url;
    this.#name = cacheName(url);
  }

  /** Why the bundle is not kept. */
  get refusal(): StorageError | undefined {
    return this.#refusal;
  }

  /** The manifest to keep with the chunks. */
  set manifest(bytes: Uint8Array<ArrayBuffer>) {
    this.#manifest = bytes;
  }

  /** The manifest of the last time. */
  keptManifest(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#read(MANIFEST);
  }

  async keys(): Promise<Set<string>> {
    // Opening creates a cache, so only one that is there is opened.
    if (!(await caches.has(this.#name))) return new Set();
    const keys = await (await caches.open(this.#name)).keys();
    return new Set(keys.map(({ url }) => url.slice(CHUNKS.length)));
  }

  get(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#read(CHUNKS + sha256);
  }

  async has(sha256: string): Promise<boolean> {
    return (await caches.match(CHUNKS + sha256, { cacheName: this.#name }).catch(() => undefined)) !== undefined;
  }

  /** Runs `work` while no other tab fetches this chunk. */
  async alone<T>(sha256: string, work: () => Promise<T>): Promise<T> {
    if (!this.#isFilling) return work();
    return await alone(`flux-srpo:${this.#url} ${sha256}`, work);
  }

  async put(sha256: string, bytes: Uint8Array): Promise<void> {
    if (!this.#isFilling) return this.#mend(sha256, bytes);
    try {
      this.#cache ??= this.#create();
      await put(await this.#cache, CHUNKS + sha256, bytes);
    } catch (cause) {
      await this.#refuse(await whyNotWritten(bytes.length, cause));
    }
  }

  /** Takes a chunk away. */
  async drop(sha256: string): Promise<void> {
    if (await caches.has(this.#name)) await (await caches.open(this.#name)).delete(CHUNKS + sha256);
  }

  /** Bytes of the bundle that are not kept. */
  async missing(manifest: Manifest): Promise<number> {
    const kept = await this.keys();
    let missing = 0;
    for (const { sha256, bytes } of manifestChunks(manifest)) if (!kept.has(sha256)) missing += bytes;
    return missing;
  }

  /** From here on chunks are kept, unless all that are missing do not fit. */
  async begin(manifest: Manifest): Promise<void> {
    const missing = await this.missing(manifest);
    const room = await offeredRoom();
    const isOffered = room === undefined || missing <= room;
    if (missing === 0 || ((await canBeFile(missing)) ?? isOffered)) this.#isFilling = true;
    else await this.#refuse(tooLittleRoom(missing, room));
  }

  /** Ends what `begin` began, once every chunk was read. */
  async end({ files }: Manifest): Promise<void> {
    if (!this.#isFilling) return;
    this.#isFilling = false;
    if (this.#manifest !== undefined && this.#cache === undefined && (await caches.has(this.#name))) {
      await put(await caches.open(this.#name), MANIFEST, this.#manifest).catch(() => undefined);
    }
    this.#cache = undefined;
    const kept = await this.keys();
    if (files.every(({ chunks }) => chunks.every((sha256) => kept.has(sha256)))) return;
    this.#refusal = new StorageError(
      'what this browser kept of the model was removed while it was fetched; load it again to keep it',
      { code: 'storage/unavailable', details: { url: this.#url } },
    );
  }

  async #create(): Promise<Cache> {
    const cache = await caches.open(this.#name);
    if (this.#manifest !== undefined) await put(cache, MANIFEST, this.#manifest);
    return cache;
  }

  /** Puts a chunk that was found damaged after loading. It does no harm where that fails. */
  async #mend(sha256: string, bytes: Uint8Array): Promise<void> {
    if (this.#refusal !== undefined || !(await caches.has(this.#name).catch(() => false))) return;
    await put(await caches.open(this.#name), CHUNKS + sha256, bytes).catch(() => undefined);
  }

  async #refuse(reason: StorageError): Promise<void> {
    this.#isFilling = false;
    this.#cache = undefined;
    this.#refusal = reason;
    await forgetKeptModel(this.#url);
  }

  async #read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const response = await caches.match(key, { cacheName: this.#name }).catch(() => undefined);
    return response && new Uint8Array(await response.arrayBuffer());
  }
}

async function put(cache: Cache, key: string, bytes: Uint8Array): Promise<void> {
  // With its length, so that a list need not read gigabytes to add them up.
  const headers = { 'content-length': String(bytes.length) };
  await cache.put(key, new Response(bytes as Uint8Array<ArrayBuffer>, { headers }));
}

/** One quota is for all that an origin stores. Absent where the browser makes no files. */
async function canBeFile(bytes: number): Promise<boolean | undefined> {
  try {
    return await hasRoom(await openModelsFolder(), bytes);
  } catch {
    return undefined;
  }
}

/** Firefox names no reason, so its estimate is asked too. */
async function whyNotWritten(bytes: number, cause: unknown): Promise<StorageError> {
  const room = await offeredRoom();
  const isFull = (cause as DOMException).name === 'QuotaExceededError' || (room !== undefined && room < bytes);
  if (isFull) return tooLittleRoom(bytes, room);
  return new StorageError(
    `this browser could not keep the model (${(cause as Error).message}); say keep: false to fetch it every time`,
    { code: 'storage/write-failed', details: { bytes }, cause },
  );
}
