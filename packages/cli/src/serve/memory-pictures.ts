import { newId, type PictureStore, type PictureStoreOptions, pathOf, pictureLimits } from './picture-store.ts';

interface Entry {
  png: Uint8Array<ArrayBuffer>;
  expires: number;
}

/** Pictures in the memory of this process. */
export class MemoryPictures implements PictureStore {
  readonly #entries = new Map<string, Entry>();
  readonly #limits: Required<PictureStoreOptions>;
  #bytes = 0;

  constructor(options: PictureStoreOptions = {}) {
    this.#limits = pictureLimits(options);
  }

  async usage() {
    return { count: this.#entries.size, bytes: this.#bytes };
  }

  async add(png: Uint8Array<ArrayBuffer>): Promise<string> {
    const id = newId();
    const { lifetimeMs, now } = this.#limits;
    this.#entries.set(id, { png, expires: now() + lifetimeMs });
    this.#bytes += png.length;
    this.#evict();
    return pathOf(id);
  }

  async get(id: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    this.#evict();
    return this.#entries.get(id)?.png;
  }

  /** A Map keeps the order of insertion, and all live equally long: the first is the oldest. */
  #evict(): void {
    const { maxCount, maxBytes, now } = this.#limits;
    for (const [id, { png, expires }] of this.#entries) {
      const isFull = this.#entries.size > 1 && (this.#entries.size > maxCount || this.#bytes > maxBytes);
      if (expires > now() && !isFull) return;
      this.#entries.delete(id);
      this.#bytes -= png.length;
    }
  }
}
