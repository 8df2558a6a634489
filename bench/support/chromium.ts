import { type CDPSession, chromium, type Page } from 'playwright';
import { CHROMIUM_ARGS, findChromium } from '../../scripts/lib/chromium.mjs';
import { countGpuBytes, type GpuPeaks } from './gpu-peaks.ts';
import { peakResident } from './process-memory.ts';

/** Milliseconds before a worker that has just begun is asked again. */
const RETRY_MS = 5;

/** Milliseconds between two readings of a heap. */
const HEAP_INTERVAL_MS = 250;

export interface HeapUsage {
  /** Bytes of JavaScript objects, garbage included. */
  usedSize: number;
  /** Bytes of `ArrayBuffer`s, WebAssembly's memory included. */
  backingStorageSize: number;
}

export interface ChromiumRun<Result> {
  result: Result;
  /** The largest values seen in the page and its workers together, and the largest sum. */
  heap: HeapUsage & { together: number; samples: number };
  /** Peak bytes by kind of process. */
  peakResident: Record<string, number>;
  /**
   * Peak bytes on the GPU devices of the page's workers, by the device's label. Empty where this
   * was not asked for.
   */
  gpuPeaks: GpuPeaks;
}

/** What a bench's worker sends: any number of `note`s, then `result` or `failure`. */
export type WorkerMessage<Result> = { note: unknown } | { result: Result } | { failure: string };

type OnNote = (note: unknown, browserPid: number) => void;

/** Runs one worker of `bench/pages` in a fresh headless Chromium and gives its result. */
export function runWorker<Result>(
  pageUrl: string,
  worker: string,
  input: unknown,
  onNote: OnNote = () => {},
): Promise<ChromiumRun<Result>> {
  const url = `/${worker}?worker_file&type=module`;
  return run(pageUrl, onNote, false, (page) => page.evaluate(startWorker, { url, input }));
}

/**
 * Runs the function `run` of one module of `bench/pages` on the page itself. Counts the GPU memory
 * of the workers that it starts.
 */
export function runPage<Result>(
  pageUrl: string,
  module: string,
  input: unknown,
  onNote: OnNote = () => {},
): Promise<ChromiumRun<Result>> {
  return run(pageUrl, onNote, true, (page) => page.evaluate(callModule, { url: `/${module}`, input }));
}

async function run<Result>(
  pageUrl: string,
  onNote: OnNote,
  countGpu: boolean,
  work: (page: Page) => Promise<unknown>,
): Promise<ChromiumRun<Result>> {
  const executablePath = findChromium();
  const server = await chromium.launchServer({
    args: CHROMIUM_ARGS,
    ...(executablePath === undefined ? {} : { executablePath }),
  });
  try {
    const browser = await chromium.connect(server.wsEndpoint());
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    const pid = server.process().pid as number;
    page.on('console', (message) => onNote({ console: message.text() }, pid));
    await page.goto(pageUrl);
    await page.exposeFunction('note', (note: unknown) => onNote(note, pid));
    const watch = await watchWorkers(await page.context().newCDPSession(page), countGpu);
    const result = (await work(page)) as Result;
    const gpuPeaks = await watch.stop();
    return { result, heap: watch.heap, peakResident: peakResident(pid), gpuPeaks };
  } finally {
    await server.close();
  }
}

/** Runs in the page. Notes go to its function `note`. */
export function startWorker({ url, input }: { url: string; input: unknown }): Promise<unknown> {
  const worker = new Worker(url, { type: 'module' });
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = ({ data }: MessageEvent<WorkerMessage<unknown>>) => {
      if ('note' in data) (globalThis as unknown as { note: (note: unknown) => void }).note(data.note);
      else if ('result' in data) resolve(data.result);
      else reject(new Error(data.failure));
    };
    worker.postMessage(input);
  });
}

/** Runs in the page. */
async function callModule({ url, input }: { url: string; input: unknown }): Promise<unknown> {
  const module = await import(url);
  return module.run(input, (globalThis as unknown as { note: (note: unknown) => void }).note);
}

/**
 * Reads the heap sizes of the page and its workers again and again, through the debugger's
 * protocol, and makes the workers count their GPU memory. The workers need no code for this.
 */
async function watchWorkers(session: CDPSession, countGpu: boolean) {
  const heap = { usedSize: 0, backingStorageSize: 0, together: 0, samples: 0 };
  /** Latest reading by worker; the page's own is under ''. */
  const usages = new Map<string, HeapUsage>();
  const gpuPeaks: GpuPeaks = {};
  const answers = new Map<number, (result: unknown) => void>();
  const workers = new Set<string>();
  let id = 0;

  const note = (of: string, usage: HeapUsage): void => {
    usages.set(of, usage);
    const sum = (kind: keyof HeapUsage) => [...usages.values()].reduce((bytes, each) => bytes + each[kind], 0);
    heap.usedSize = Math.max(heap.usedSize, sum('usedSize'));
    heap.backingStorageSize = Math.max(heap.backingStorageSize, sum('backingStorageSize'));
    heap.together = Math.max(heap.together, sum('usedSize') + sum('backingStorageSize'));
    heap.samples += 1;
  };
  const forget = (sessionId: string): void => {
    workers.delete(sessionId);
    usages.delete(sessionId);
  };
  /** Resolves with the worker's answer; never resolves where the worker is gone. */
  const ask = (sessionId: string, method: string, params: object = {}): Promise<unknown> =>
    new Promise((resolve) => {
      const message = JSON.stringify({ id: ++id, method, params });
      answers.set(id, resolve);
      session.send('Target.sendMessageToTarget', { sessionId, message }).catch(() => forget(sessionId));
    });
  const evaluate = async (sessionId: string, expression: string): Promise<unknown> => {
    const answer = await ask(sessionId, 'Runtime.evaluate', { expression, returnByValue: true });
    return (answer as { result: { value?: unknown } }).result.value;
  };
  const countIn = async (sessionId: string): Promise<void> => {
    while (!(await evaluate(sessionId, `(${countGpuBytes})()`))) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  };

  session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
    if (targetInfo.type !== 'worker') return;
    workers.add(sessionId);
    // This comes long before the first device: the worker still has to load the runtime.
    if (countGpu) void countIn(sessionId);
  });
  session.on('Target.detachedFromTarget', ({ sessionId }) => forget(sessionId));
  session.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { id: answered, result } = JSON.parse(message);
    answers.get(answered)?.(result);
    answers.delete(answered);
  });
  await session.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  const timer = setInterval(() => {
    for (const sessionId of workers) {
      void ask(sessionId, 'Runtime.getHeapUsage').then((usage) => {
        if (workers.has(sessionId)) note(sessionId, usage as HeapUsage);
      });
    }
    // Playwright's types do not know the second field yet. A page that crashed reports that
    // elsewhere.
    session.send('Runtime.getHeapUsage').then(
      (usage) => note('', usage as HeapUsage),
      () => undefined,
    );
  }, HEAP_INTERVAL_MS);

  return {
    heap,
    /** @returns the peaks of all workers that still run */
    stop: async () => {
      clearInterval(timer);
      for (const sessionId of countGpu ? workers : []) {
        Object.assign(gpuPeaks, await evaluate(sessionId, 'gpuPeaks'));
      }
      await session.detach();
      return gpuPeaks;
    },
  };
}
