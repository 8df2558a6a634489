/// <reference types="vite/client" />
import { expect } from 'vitest';

/** For tests that run in a page. */

/**
 * Width ≠ height, so that swapped sides show. Two steps, so that state kept between steps shows.
 */
export const SMALL = { prompt: 'a red house', size: '48x80', num_inference_steps: 2, seed: 7 } as const;

export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('expected a rejection, got a result');
    },
    (error: unknown) => error,
  );
}

/** URL of a module worker that runs `code`. */
export function workerUrl(code: string): string {
  return URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
}

/**
 * URL of the library's own worker, for the code of a worker to import. The query is Vite's mark for
 * modules of workers.
 */
export const REAL_WORKER = `${location.origin}/packages/images/src/worker.ts?worker_file&type=module`;

/** URL of the same worker for the software GPU: gpu-worker.ts says what it changes. */
export const GPU_WORKER = `${location.origin}/test/browser/support/gpu-worker.ts?worker_file&type=module`;

/** The storage's own worker, which opens no more files than it may, and waits for leave. */
export interface HeldWorker {
  workerUrl: string;
  /** Lets it open so many files more. */
  allow(files: number): void;
}

/** @param files that it may open from the start */
export function heldWorker(files: number): HeldWorker {
  const name = `held worker ${crypto.randomUUID()}`;
  const hold = `
    const { createSyncAccessHandle } = FileSystemFileHandle.prototype;
    const waiting = [];
    let left = ${files};
    new BroadcastChannel("${name}").onmessage = ({ data }) => {
      left += data;
      for (const goOn of waiting.splice(0)) goOn();
    };
    FileSystemFileHandle.prototype.createSyncAccessHandle = async function (...options) {
      while (left <= 0) await new Promise((goOn) => waiting.push(goOn));
      left--;
      return createSyncAccessHandle.apply(this, options);
    };`;
  return {
    workerUrl: workerUrl(`
      import 'data:text/javascript,${encodeURIComponent(hold)}';
      import '${location.origin}/packages/images/src/store/import/import-worker.ts?worker_file&type=module';
    `),
    allow(more) {
      const channel = new BroadcastChannel(name);
      channel.postMessage(more);
      channel.close();
    },
  };
}

/**
 * Another tab takes over within 5 seconds of a close. A busy machine alone may need longer, so the
 * run that is made to measure demands it.
 */
export const TAKE_OVER_MS = import.meta.env.VITE_TEST_FULL === '1' ? 5_000 : 60_000;

export const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves once a value has not changed for half a second: what had begun has ended. */
export async function untilStill(read: () => unknown): Promise<void> {
  let before: unknown;
  do {
    before = read();
    await later(500);
  } while (read() !== before);
}

/** Resolves once so many requests for locks wait whose names begin like this. */
export async function untilWaiting(count: number, prefix: string): Promise<void> {
  const isMeant = ({ name }: LockInfo) => name?.startsWith(prefix);
  const waiting = async () => (await navigator.locks.query()).pending?.filter(isMeant).length;
  await expect.poll(waiting).toBeGreaterThanOrEqual(count);
}

/** Both local backends, as options of `createFluxSrpo`. */
export const LOCAL_BACKENDS = [
  ['wasm', { backend: 'wasm' }],
  ['webgpu', { backend: 'webgpu', workerUrl: GPU_WORKER }],
] as const;

/** The smallest picture, for the software GPU. */
export const SMALLEST = {
  prompt: 'a red house',
  size: '16x32',
  num_inference_steps: 1,
  seed: 7,
  max_sequence_length: 8,
} as const;

/** Records every worker that the page starts from here on, and which of them still run. */
export function watchWorkers(): { started: Worker[]; running: Set<Worker>; restore: () => void } {
  const Original = globalThis.Worker;
  const started: Worker[] = [];
  const running = new Set<Worker>();
  globalThis.Worker = class extends Original {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, options);
      started.push(this);
      running.add(this);
    }

    override terminate(): void {
      super.terminate();
      running.delete(this);
    }
  };
  return {
    started,
    running,
    restore: () => {
      globalThis.Worker = Original;
    },
  };
}

/**
 * Counts the listeners on `window`, `document`, workers, signals and ports that are added from here
 * on and not removed.
 */
export function watchListeners(): { left: () => string[]; restore: () => void } {
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  const left = new Map<EventTarget, Map<unknown, string>>();
  const isWatched = (target: unknown): target is EventTarget =>
    target === window ||
    target === document ||
    target instanceof Worker ||
    target instanceof AbortSignal ||
    target instanceof MessagePort;
  const forget = (target: EventTarget, listener: unknown) => left.get(target)?.delete(listener);
  EventTarget.prototype.addEventListener = function (type, listener, options) {
    addEventListener.call(this, type, listener, options);
    if (!isWatched(this)) return;
    const { once, signal } = typeof options === 'object' ? options : {};
    const listeners = left.get(this) ?? new Map<unknown, string>();
    left.set(this, listeners.set(listener, `${this instanceof Worker ? 'Worker' : this.constructor.name} ${type}`));
    if (once) addEventListener.call(this, type, () => forget(this, listener), { once });
    if (signal) addEventListener.call(signal, 'abort', () => forget(this, listener), { once: true });
  };
  EventTarget.prototype.removeEventListener = function (type, listener, options) {
    removeEventListener.call(this, type, listener, options);
    forget(this, listener);
  };
  return {
    left: () => [...left.values()].flatMap((listeners) => [...listeners.values()]),
    restore: () => Object.assign(EventTarget.prototype, { addEventListener, removeEventListener }),
  };
}

/** Names of what is stored of a model, by its `id` of `storage.list()`; empty where nothing is. */
export async function storedNames(id: string): Promise<string[]> {
  const folder = await storedFolder(id).catch(() => undefined);
  const names: string[] = [];
  if (folder !== undefined) for await (const name of folder.keys()) names.push(name);
  return names;
}

/** The folder of a stored model. */
export async function storedFolder(id: string): Promise<FileSystemDirectoryHandle> {
  const name = id.includes('/') ? encodeURIComponent(id) : id;
  return (await (await navigator.storage.getDirectory()).getDirectoryHandle('flux-srpo')).getDirectoryHandle(name);
}

/** Writes a file of the origin private file system, in place of one that is there. */
export async function writeStored(
  folder: FileSystemDirectoryHandle,
  name: string,
  data: string | Uint8Array<ArrayBuffer>,
): Promise<void> {
  const writable = await (await folder.getFileHandle(name, { create: true })).createWritable();
  await writable.write(data);
  await writable.close();
}

/** Bytes of a file that is stored of a model. */
export async function readStored(folder: FileSystemDirectoryHandle, name: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await (await folder.getFileHandle(name)).getFile()).arrayBuffer());
}
