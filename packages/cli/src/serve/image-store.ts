import { randomBytes } from 'node:crypto';

export interface ImageStoreOptions {
  /** How long a picture can be fetched. @default one hour, as the hosted services give */
  lifetimeMs?: number;
  /** @default 200 */
  maxCount?: number;
  /** @default 256 MiB */
  maxBytes?: number;
  /** Milliseconds; for tests. @default Date.now */
  now?: () => number;
}

interface Entry {
  png: Uint8Array<ArrayBuffer>;
  expires: number;
}

/** 128 bits, so that nobody can guess the address of a picture. */
const ID_BYTES = 16;

/** The pictures behind `url` answers, in memory, until they expire or are too many. */
export class ImageStore {
  readonly #entries = new Map<string, Entry>();
  readonly #lifetimeMs: number;
  readonly #maxCount: number;
  readonly #maxBytes: number;
  readonly #now: () => number;
  #bytes = 0;

  constructor({
    lifetimeMs = 3_600_000,
    maxCount = 200,
    maxBytes = 256 * 1024 ** 2,
    now = Date.now,
  }: ImageStoreOptions = {}) {
    this.#lifetimeMs = lifetimeMs;
    this.#maxCount = maxCount;
    this.#maxBytes = maxBytes;
    this.#now = now;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Keeps a picture, even one larger than all room. Returns its path: `/images/<id>.png`. */
  add(png: Uint8Array<ArrayBuffer>): string {
    const id = randomBytes(ID_BYTES).toString('base64url');
    this.#entries.set(id, { png, expires: this.#now() + this.#lifetimeMs });
    this.#bytes += png.length;
    this.#evict();
    return `/images/${id}.png`;
  }

  /** @param id without `.png` */
  get(id: string): Uint8Array<ArrayBuffer> | undefined {
    this.#evict();
    return this.#entries.get(id)?.png;
  }

  /** A Map keeps the order of insertion, and all live equally long: the first is the oldest. */
  #evict(): void {
    for (const [id, { png, expires }] of this.#entries) {
      const isFull = this.#entries.size > 1 && (this.#entries.size > this.#maxCount || this.#bytes > this.#maxBytes);
      if (expires > this.#now() && !isFull) return;
      this.#entries.delete(id);
      this.#bytes -= png.length;
    }
  }
}
