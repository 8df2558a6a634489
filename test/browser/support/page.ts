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
