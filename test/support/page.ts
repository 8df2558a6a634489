/** For tests that run in a page. */

/** Width ≠ height, so that swapped sides show; two steps, so that state kept between steps shows. */
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

/** The library's own, to be imported by the code of a worker. The query is Vite's for a module that is one. */
export const REAL_WORKER = `${location.origin}/packages/images/src/worker.ts?worker_file&type=module`;

/** Every worker that the page starts from here on, and those of them that are still to be terminated. */
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
