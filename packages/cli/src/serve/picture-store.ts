import { randomBytes } from 'node:crypto';

/** The pictures behind `url` answers, until they expire or are too many. The last always stays. */
export interface PictureStore {
  /** Keeps a picture, even one larger than all room. Gives its path: `/images/<id>.png`. */
  add(png: Uint8Array<ArrayBuffer>): Promise<string>;
  /** @param id without `.png` */
  get(id: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  usage(): Promise<{ count: number; bytes: number }>;
}

export interface PictureStoreOptions {
  /** How long a picture can be fetched. @default one hour, as the hosted services give */
  lifetimeMs?: number;
  /** @default 200 */
  maxCount?: number;
  /** @default 256 MiB */
  maxBytes?: number;
  /** Milliseconds; for tests. @default Date.now */
  now?: () => number;
}

export function pictureLimits({
  lifetimeMs = 3_600_000,
  maxCount = 200,
  maxBytes = 256 * 1024 ** 2,
  now = Date.now,
}: PictureStoreOptions): Required<PictureStoreOptions> {
  return { lifetimeMs, maxCount, maxBytes, now };
}

/** 128 bits, so that nobody can guess the address of a picture. */
const ID_BYTES = 16;
export const ID = /^[A-Za-z0-9_-]{22}$/;

export const newId = (): string => randomBytes(ID_BYTES).toString('base64url');
export const pathOf = (id: string): string => `/images/${id}.png`;
