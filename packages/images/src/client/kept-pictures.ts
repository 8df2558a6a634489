import { InputError, StorageError } from '@flux-srpo/core';
import type { Checkpoint } from '@flux-srpo/runtime';
import { createStore, delMany, get, getMany, keys, set, setMany } from 'idb-keyval';
import type { ImageRequest } from '../wire/request.ts';
import { unixSeconds } from '../wire/response.ts';
import type { CheckpointNews } from '../worker/protocol.ts';
import type { Call } from './image-client.ts';
import { heldLocks, takeLock } from './web-lock.ts';

/** A picture that was begun with `resume: true` and is not finished. */
export interface PendingImage {
  /** For `resume` and `forget`. */
  id: string;
  /** Unix seconds when it was begun. */
  created: number;
  /** With its prompt, and with the seed that it is drawn from. */
  request: ImageRequest;
  /** Finished steps. */
  steps: number;
  /** Whether this or another tab draws it now. */
  isRunning: boolean;
}

type Begun = Omit<PendingImage, 'steps' | 'isRunning'>;

/** What all steps share: of which model, and the prompt's embeddings. */
interface Prepared extends Pick<Checkpoint, 'prompt'> {
  fingerprint: string;
}

/** Most pictures that are kept. One takes about 10 MB; the oldest goes for the next. */
const MAX_PICTURES = 8;

// A database of its own: idb-keyval has one store in each.
const database = createStore('flux-srpo-pictures', 'pictures');

/** Three entries a picture, so that a step writes no more than its latents. */
const keysOf = (id: string) => ({ begun: ['begun', id], prepared: ['prepared', id], step: ['step', id] });
const lockOf = (id: string): string => `flux-srpo:picture:${id}`;

/** Pictures that can go on, the oldest first. */
export async function pendingImages(): Promise<PendingImage[]> {
  const names = (await keys<string[]>(database)).filter(([kind]) => kind === 'begun');
  const begun = (await getMany<Begun | undefined>(names, database)).filter((picture) => picture !== undefined);
  const held = await heldLocks();
  const pending = begun.map(async (picture) => {
    const step = await get<CheckpointNews>(keysOf(picture.id).step, database);
    return { ...picture, steps: step?.step ?? 0, isRunning: held.has(lockOf(picture.id)) };
  });
  return (await Promise.all(pending)).sort((a, b) => a.created - b.created);
}

/** Removes what is kept of a picture. One that is drawn now goes on, and is kept no longer. */
export async function forgetImage(id: string): Promise<void> {
  await delMany(Object.values(keysOf(id)), database);
}

/** One picture in IndexedDB, in this tab's hands until `close`. */
export class KeptPicture {
  readonly request: ImageRequest;
  /** Where it goes on. */
  readonly from: (Checkpoint & Pick<Prepared, 'fingerprint'>) | undefined;
  readonly #id: string;
  readonly #release: () => void;
  #writing: Promise<void> = Promise.resolve();
  #isClosed = false;
  #hasSaved = false;
  /** Why nothing more could be written: then it goes on from an earlier step, or not at all. */
  failure: unknown;

  private constructor(begun: Begun, from: KeptPicture['from'], release: () => void) {
    this.#id = begun.id;
    this.request = begun.request;
    this.from = from;
    this.#release = release;
  }

  /** @param request with its seed. It is stored as it is, with the prompt */
  static async begin(request: ImageRequest): Promise<KeptPicture> {
    if (globalThis.indexedDB === undefined) throw unavailable();
    const begun = { id: crypto.randomUUID(), created: unixSeconds(), request };
    const others = await pendingImages().catch((cause: unknown) => {
      throw unavailable(cause);
    });
    const idle = others.filter(({ isRunning }) => !isRunning);
    for (const { id } of idle.slice(0, Math.max(0, others.length + 1 - MAX_PICTURES))) await forgetImage(id);
    const release = (await takeLock(lockOf(begun.id))) ?? (() => undefined);
    try {
      await set(keysOf(begun.id).begun, begun, database);
    } catch (error) {
      release();
      throw error;
    }
    return new KeptPicture(begun, undefined, release);
  }

  /** Whether there is anything to go on from. */
  get hasSteps(): boolean {
    return this.#hasSaved || this.from !== undefined;
  }

  /** @throws InputError where it is not there, or drawn already */
  static async open(id: string): Promise<KeptPicture> {
    const release = await takeLock(lockOf(id), { ifAvailable: true });
    if (release === undefined) {
      throw new InputError(`the picture ${id} is being drawn here or in another tab; wait for it there`, {
        code: 'input/conflict',
        details: { id },
      });
    }
    const { begun, prepared, step } = keysOf(id);
    const picture = await get<Begun>(begun, database);
    if (picture === undefined) {
      release();
      throw new InputError(`id must be of a picture that can go on, got "${id}"; pending() lists them`, {
        code: 'input/out-of-range',
        details: { field: 'id' },
      });
    }
    const [shared, last] = await getMany<unknown>([prepared, step], database);
    const from = shared && last ? { ...(shared as Prepared), ...(last as Omit<Checkpoint, 'prompt'>) } : undefined;
    return new KeptPicture(picture, from, release);
  }

  /** The same call, which is told what follows a step once that step is stored. */
  afterSaving(call: Call): Call {
    const later =
      <T>(listener: (event: T) => void) =>
      (event: T): void => {
        const tell = () => listener(event);
        this.#writing.then(tell, tell);
      };
    const { onProgress, onPartialImage } = call;
    return {
      ...call,
      onProgress: onProgress && later(onProgress),
      onPartialImage: onPartialImage && later(onPartialImage),
    };
  }

  /** Writes go one after another. One that fails ends the keeping, not the picture. */
  save({ prompt, ...step }: Checkpoint, fingerprint: string, isFirst: boolean): void {
    const { prepared, step: stepKey } = keysOf(this.#id);
    this.#writing = this.#writing.then(async () => {
      if (this.#isClosed) return;
      const shared: Prepared = { prompt, fingerprint };
      if (isFirst)
        await setMany(
          [
            [prepared, shared],
            [stepKey, step],
          ],
          database,
        );
      else await set(stepKey, step, database);
      this.#hasSaved = true;
    });
    this.#writing.catch((error: unknown) => {
      this.failure = error;
    });
  }

  /** @param isKept whether it may go on later. Else nothing of it stays */
  async close(isKept: boolean): Promise<void> {
    this.#isClosed = true;
    await this.#writing.catch(() => undefined);
    if (!isKept) await forgetImage(this.#id).catch(() => undefined);
    this.#release();
  }
}

function unavailable(cause?: unknown): StorageError {
  return new StorageError(
    'resume needs IndexedDB, which this browser refuses here (a private window?); leave resume out',
    { code: 'storage/unavailable', details: { field: 'resume' }, cause },
  );
}
