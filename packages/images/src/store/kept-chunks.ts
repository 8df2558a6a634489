import { isFluxError, type Manifest, manifestChunks, StorageError } from '@flux-srpo/core';
import { type Bytes, sha256Hex } from '@flux-srpo/formats';
import type { ChunkStore } from '@flux-srpo/runtime';
import { alone } from './alone.ts';
import { isUsedByOthers } from './model-lock.ts';
import { olderFiles, readOlder, removeOlder } from './older-caches.ts';
import { entriesOf, findFolder, findHandle, readFile } from './opfs/opfs-files.ts';
import { folderName, keptManifestName, storedManifest } from './opfs/opfs-models.ts';
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
  /** Chunks that an earlier version kept. */
  #older: ReadonlySet<string> = new Set();
  #refusal: StorageError | undefined;
  /** The manifest to keep with the chunks. */
  manifest: Bytes | undefined;

  /** @param models as `openModelsFolder` gives it */
  constructor(models: FileSystemDirectoryHandle, url: string) {
    this.#models = models;
    this.#url = url;
  }

  /** Why the bundle is not kept. */
  get refusal(): StorageError | undefined {
    return this.#refusal;
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

  /** Brings a chunk over that an earlier version kept. */
  async has(sha256: string): Promise<boolean> {
    if ((await this.#file(sha256)) !== undefined) return true;
    const older = this.#isFilling && this.#older.has(sha256) ? await readOlder(this.#url, sha256) : undefined;
    if (older === undefined || (await sha256Hex(older)) !== sha256) return false;
    await this.put(sha256, older);
    await removeOlder(this.#url, sha256);
    return true;
  }

  /** Runs `work` while no other tab fetches this chunk. */
  async alone<T>(sha256: string, work: () => Promise<T>): Promise<T> {
    if (!this.#isFilling) return work();
    return await alone(`flux-srpo:${this.#url} ${sha256}`, work);
  }

  /** Once the bundle is here, a chunk that was found damaged is replaced where that is possible. */
  async put(sha256: string, bytes: Uint8Array): Promise<void> {
    const folder = this.#refusal === undefined ? await this.#find() : undefined;
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
    const kept = await this.keys();
    this.#older = new Set((await olderFiles(this.#url)).keys());
    const sizes = new Map<string, number>();
    for (const { sha256, bytes } of manifestChunks(manifest)) {
      if (!kept.has(sha256) && !this.#older.has(sha256)) sizes.set(sha256, bytes);
    }
    return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /**
   * From here on chunks are kept, unless all that are missing do not fit.
   *
   * @param isWanted what is here stays after a refusal, for when there is room
   */
  async begin(manifest: Manifest, isWanted: boolean): Promise<void> {
    this.#isWanted = isWanted;
    const missing = await this.missing(manifest);
    try {
      if (missing > 0 && !(await hasRoom(this.#models, missing))) throw tooLittleRoom(missing, await offeredRoom());
      await withStorageErrors(this.#url, () => this.#keepManifest());
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
    if (manifest.files.every(({ chunks }) => chunks.every((sha256) => kept.has(sha256)))) {
      await removeOlder(this.#url);
      return this.#sweep(manifest, kept);
    }
    this.#refusal = this.#removed();
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

  async #keepManifest(): Promise<void> {
    if (this.manifest === undefined) return;
    this.#folder = await this.#models.getDirectoryHandle(folderName(this.#url), { create: true });
    const name = keptManifestName(await sha256Hex(this.manifest));
    await writeFile(this.#folder, name, this.manifest);
    for (const other of await this.keys()) {
      if (other.endsWith('.json') && other !== name) await this.#folder.removeEntry(other);
    }
  }

  /** Removes what an earlier version of the model had, and what a crash has left. */
  async #sweep(manifest: Manifest, kept: ReadonlySet<string>): Promise<void> {
    if (await isUsedByOthers(this.#url)) return;
    const own = new Set(manifest.files.flatMap(({ chunks }) => chunks));
    for (const name of kept) {
      if (!own.has(name) && !name.endsWith('.json')) await this.#folder?.removeEntry(name).catch(() => undefined);
    }
  }

  async #refuse(reason: unknown, needed: number): Promise<void> {
    this.#isFilling = false;
    if (!isFluxError(reason, 'storage/')) throw reason;
    const isFull = reason.code === 'storage/quota-exceeded';
    this.#refusal = isFull ? tooLittleRoom(needed, await offeredRoom()) : (reason as StorageError);
    if (this.#isWanted) return;
    await forgetModel(this.#url);
    this.#folder = undefined;
  }
}
