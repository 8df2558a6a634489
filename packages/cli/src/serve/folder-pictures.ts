import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StorageError } from '@flux-srpo/core';
import { ID, newId, type PictureStore, type PictureStoreOptions, pathOf, pictureLimits } from './picture-store.ts';

interface Kept {
  path: string;
  bytes: number;
  /** Milliseconds since 1970. */
  made: number;
}

/** A file of this store: a picture, or one that is being written. Nothing else is ever touched. */
const OURS = /^[A-Za-z0-9_-]{22}\.(?:png|part)$/;

/**
 * Pictures in a folder that several servers may share: each serves what any of them has drawn. A
 * file's time of change says when it was made, and its name is its secret, so the folder is for
 * this user alone.
 */
export class FolderPictures implements PictureStore {
  readonly #folder: string;
  readonly #limits: Required<PictureStoreOptions>;

  private constructor(folder: string, options: PictureStoreOptions) {
    this.#folder = folder;
    this.#limits = pictureLimits(options);
  }

  /** @throws StorageError where the folder cannot be made or written to */
  static async open(folder: string, options: PictureStoreOptions = {}): Promise<FolderPictures> {
    const store = new FolderPictures(folder, options);
    await store.#writing(async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const trial = join(folder, `${newId()}.part`);
      await writeFile(trial, '');
      await rm(trial);
    });
    return store;
  }

  async usage() {
    const kept = (await this.#list()).filter((file) => !this.#isExpired(file));
    return { count: kept.length, bytes: bytesOf(kept) };
  }

  async add(png: Uint8Array<ArrayBuffer>): Promise<string> {
    const id = newId();
    const part = join(this.#folder, `${id}.part`);
    await this.#writing(async () => {
      await writeFile(part, png, { mode: 0o600 });
      const made = this.#limits.now() / 1000;
      await utimes(part, made, made);
      await rename(part, join(this.#folder, `${id}.png`));
    });
    await this.#evict(`${id}.png`);
    return pathOf(id);
  }

  async get(id: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const kept = ID.test(id) ? await this.#look(`${id}.png`) : undefined;
    if (kept === undefined || this.#isExpired(kept)) return undefined;
    return readFile(kept.path).catch(ifGone);
  }

  #isExpired({ made }: Kept): boolean {
    return made + this.#limits.lifetimeMs <= this.#limits.now();
  }

  /** Another server may do the same at this moment: what is gone already is as good. */
  async #evict(newest: string): Promise<void> {
    const { maxCount, maxBytes } = this.#limits;
    const kept = (await this.#list()).sort((a, b) => a.made - b.made);
    let [count, bytes] = [kept.length, bytesOf(kept)];
    for (const file of kept) {
      const isFull = count > maxCount || bytes > maxBytes;
      if (!this.#isExpired(file) && !isFull) break;
      if (file.path.endsWith(newest)) continue;
      await rm(file.path, { force: true });
      count--;
      bytes -= file.bytes;
    }
  }

  async #list(): Promise<Kept[]> {
    const names = (await readdir(this.#folder)).filter((name) => OURS.test(name));
    const files = await Promise.all(names.map((name) => this.#look(name)));
    return files.filter((file) => file !== undefined);
  }

  async #look(name: string): Promise<Kept | undefined> {
    const path = join(this.#folder, name);
    const file = await stat(path).catch(ifGone);
    return file && { path, bytes: file.size, made: file.mtimeMs };
  }

  async #writing(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      throw new StorageError(
        `pictures must be kept in ${this.#folder}, which cannot be written to; give another folder as --images`,
        { code: 'storage/write-failed', details: { path: this.#folder }, cause },
      );
    }
  }
}

const bytesOf = (files: readonly Kept[]): number => files.reduce((sum, { bytes }) => sum + bytes, 0);

function ifGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
