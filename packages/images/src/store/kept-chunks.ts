import { isFluxError, type Manifest, manifestChunks, StorageError } from '@flux-srpo/core';
import { type Bytes, sha256Hex } from '@flux-srpo/formats';
import type { ChunkStore } from '@flux-srpo/runtime';
import { alone } from './alone.ts';
import { isUsedByOthers } from './model-lock.ts';
import { moveOlder, olderFiles, readOlder } from './older-caches.ts';
import { entriesOf, findFolder, findHandle, readFile, sum } from './opfs/opfs-files.ts';
import { folderName, storedManifest } from './opfs/opfs-models.ts';
import { hasRoom, withStorageErrors, writeFile } from './opfs/opfs-write.ts';
import { offeredRoom, tooLittleRoom } from './room.ts';
import { forgetModel } from './stored-models.ts';

/**
 * The chunks of one bundle in the origin private file system. Nothing is written before `begin`,
 * and nothing where not all of it fits; `refusal` says why.
 */
export class KeptChunks implements ChunkStore {
  readonly #models: FileSystemDirectoryHandle;
  readonly #url: string;
  #folder: FileSystemDirectoryHandle | undefined;
  #isFilling = false;
  #isWanted = false;
  /** Why the bundle is not kept. */
  refusal: StorageError | undefined;
  /** The manifest to keep with the chunks. */
  manifest: Bytes | undefined;

  /** @param models as `openModelsFolder` gives it */
  constructor(models: FileSystemDirectoryHandle, url: string) {
    this.#models = models;
    this.#url = url;
  }

  /** The manifest of the last time. */
  async keptManifest(): Promise<Bytes | undefined> {
    const folder = await this.#find();
    return (folder && (await storedManifest(folder, this.#url))) ?? (await readOlder(this.#url, 'manifest.json'));
  }

  async keys(): Promise<Set<string>> {
    const folder = await this.#find();
    return new Set(folder && (await entriesOf(folder)).map(([name]) => name));
  }

  async get(sha256: string, bytes: number, into?: ArrayBuffer): Promise<Bytes | undefined> {
    const file = await this.#file(sha256);
    // Where it is taken away meanwhile, it is fetched.
    return file && (await readFile(file, 0, bytes, into).catch(() => undefined));
  }

  async has(sha256: string): Promise<boolean> {
    return (await this.#file(sha256)) !== undefined;
  }

  /** Runs `work` while no other tab fetches this chunk. */
  async alone<T>(sha256: string, work: () => Promise<T>): Promise<T> {
    if (!this.#isFilling) return work();
    return await alone(`flux-srpo:${this.#url} ${sha256}`, work);
  }

  /** Once the bundle is here, a chunk that was found damaged is replaced where that is possible. */
  async put(sha256: string, bytes: Uint8Array): Promise<void> {
    const folder = this.refusal === undefined ? await this.#find() : undefined;
    try {
      if (folder !== undefined) await writeFile(folder, sha256, bytes);
    } catch (error) {
      if (!this.#isFilling) return;
      const isGone = (await findFolder(this.#models, folderName(this.#url))) === undefined;
      await this.#refuse(isGone ? this.#removed() : error, bytes.length);
    }
  }

  /** Bytes of the bundle that are not kept. */
  async missing(manifest: Manifest): Promise<number> {
    const missing = new Map([...manifestChunks(manifest)].map(({ sha256, bytes }) => [sha256, bytes]));
    for (const sha256 of await this.keys()) missing.delete(sha256);
    for (const sha256 of (await olderFiles(this.#url)).keys()) missing.delete(sha256);
    return sum(missing);
  }

  /**
   * From here on chunks are kept, unless all that are missing do not fit. What an earlier version
   * kept is moved.
   *
   * @param isWanted what is here stays after a refusal, for when there is room
   */
  async begin(manifest: Manifest, isWanted: boolean): Promise<void> {
    this.#isWanted = isWanted;
    const missing = await this.missing(manifest);
    try {
      if (missing > 0 && !(await hasRoom(this.#models, missing))) throw tooLittleRoom(missing, await offeredRoom());
      const folder = await withStorageErrors(this.#url, () => this.#keepManifest());
      await moveOlder(this.#url, (sha256, bytes) => writeFile(folder, sha256, bytes));
      this.#isFilling = true;
    } catch (error) {
      await this.#refuse(error, missing);
    }
  }

  /** Ends what `begin` began, once every chunk was read. */
  async end(manifest: Manifest): Promise<void> {
    if (!this.#isFilling) return;
    this.#isFilling = false;
    const kept = await this.keys();
    const own = new Set(manifest.files.flatMap(({ chunks }) => chunks));
    if ([...own].some((sha256) => !kept.has(sha256))) {
      this.refusal = this.#removed();
      return;
    }
    if (await isUsedByOthers(this.#url)) return;
    // What an earlier version of the model had, and what a crash has left.
    for (const name of kept) {
      if (!own.has(name) && !name.endsWith('.json')) await this.#folder?.removeEntry(name).catch(() => undefined);
    }
  }

  /** The model's folder, asked for until it is there. */
  async #find(): Promise<FileSystemDirectoryHandle | undefined> {
    this.#folder ??= await findFolder(this.#models, folderName(this.#url));
    return this.#folder;
  }

  async #file(name: string): Promise<FileSystemFileHandle | undefined> {
    const folder = await this.#find();
    return folder && (await findHandle(folder, name));
  }

  #removed(): StorageError {
    return new StorageError(
      'what this browser kept of the model was removed while it was fetched; load it again to keep it',
      { code: 'storage/unavailable', details: { url: this.#url } },
    );
  }

  /** @returns the model's folder, which is now there */
  async #keepManifest(): Promise<FileSystemDirectoryHandle> {
    const folder = await this.#models.getDirectoryHandle(folderName(this.#url), { create: true });
    const name = `${await sha256Hex(this.manifest!)}.json`;
    await writeFile(folder, name, this.manifest!);
    this.#folder = folder;
    for (const other of await this.keys()) {
      if (other.endsWith('.json') && other !== name) await folder.removeEntry(other);
    }
    return folder;
  }

  async #refuse(reason: unknown, needed: number): Promise<void> {
    this.#isFilling = false;
    if (!isFluxError(reason, 'storage/')) throw reason;
    const isFull = reason.code === 'storage/quota-exceeded';
    this.refusal = isFull ? tooLittleRoom(needed, await offeredRoom()) : (reason as StorageError);
    if (this.#isWanted) return;
    await forgetModel(this.#url);
    this.#folder = undefined;
  }
}
