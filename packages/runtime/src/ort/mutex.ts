import { DeviceError } from '@flux-srpo/core';

/**
 * One call into a runtime instance at a time. Overlapping create, run or release corrupts
 * onnxruntime-web's memory or hangs its thread, and after a trap nothing it returns can be trusted:
 * then the mutex is *poisoned* and every later call rejects.
 */
export interface Mutex {
  /** Runs `task` after everything queued before it. */
  exclusive<T>(task: () => Promise<T> | T): Promise<T>;
  /** From now on `exclusive` rejects with `device/worker-failed`. The first cause is kept. */
  poison(cause: unknown): void;
  readonly isPoisoned: boolean;
}

function createMutex(): Mutex {
  let tail: Promise<unknown> = Promise.resolve();
  let poison: { cause: unknown } | undefined;

  return {
    exclusive<T>(task: () => Promise<T> | T): Promise<T> {
      const result = tail.then(() => {
        if (poison !== undefined) throw workerFailed(poison.cause);
        return task();
      });
      // The queue goes on after a failure; the failure itself belongs to the caller.
      tail = result.catch(() => undefined);
      return result;
    },
    poison(cause) {
      poison ??= { cause };
    },
    get isPoisoned() {
      return poison !== undefined;
    },
  };
}

function workerFailed(cause: unknown): DeviceError {
  return new DeviceError('the runtime failed and cannot be used again: replace this worker', {
    code: 'device/worker-failed',
    cause,
  });
}

/** Mutexes by runtime module, which is one instance for all backends made of it. */
const mutexes = new WeakMap<object, Mutex>();

/** The one mutex of an imported onnxruntime module. */
export function mutexOf(ort: object): Mutex {
  let mutex = mutexes.get(ort);
  if (mutex === undefined) {
    mutex = createMutex();
    mutexes.set(ort, mutex);
  }
  return mutex;
}
