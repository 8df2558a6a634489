import { type CDPSession, chromium } from 'playwright';
import { CHROMIUM_ARGS, findChromium } from '../../scripts/lib/chromium.mjs';
import { peakResident } from './process-memory.ts';

/** Between two looks at a worker's heap. */
const HEAP_INTERVAL_MS = 250;

export interface HeapUsage {
  /** Objects of JavaScript, garbage included. */
  usedSize: number;
  /** `ArrayBuffer`s, WebAssembly's memory included. */
  backingStorageSize: number;
}

export interface WorkerRun<Result> {
  result: Result;
  /** The largest of each that was seen in the worker, and of their sum. */
  heap: HeapUsage & { together: number; samples: number };
  /** Bytes, by kind of process. */
  peakResident: Record<string, number>;
}

/** What a bench's worker sends: any number of `note`s, then `result` or `failure`. */
export type WorkerMessage<Result> = { note: unknown } | { result: Result } | { failure: string };

/** Runs one worker of `bench/pages` in a fresh headless Chromium, to its result. */
export async function runWorker<Result>(
  pageUrl: string,
  worker: string,
  input: unknown,
  onNote: (note: unknown, browserPid: number) => void = () => {},
): Promise<WorkerRun<Result>> {
  const executablePath = findChromium();
  const server = await chromium.launchServer({
    args: CHROMIUM_ARGS,
    ...(executablePath === undefined ? {} : { executablePath }),
  });
  try {
    const browser = await chromium.connect(server.wsEndpoint());
    const page = await browser.newPage();
    const pid = server.process().pid as number;
    page.on('console', (message) => onNote({ console: message.text() }, pid));
    await page.goto(pageUrl);
    await page.exposeFunction('note', (note: unknown) => onNote(note, pid));
    const heap = await watchHeap(await page.context().newCDPSession(page));
    const result = await page.evaluate(runInPage, { url: `/${worker}?worker_file&type=module`, input });
    await heap.stop();
    return { result: result as Result, heap: heap.peak, peakResident: peakResident(pid) };
  } finally {
    await server.close();
  }
}

/** Runs in the page. */
function runInPage({ url, input }: { url: string; input: unknown }): Promise<unknown> {
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

/** Asks the page's workers for the size of their heaps again and again, through the debugger's protocol. */
async function watchHeap(session: CDPSession) {
  const peak = { usedSize: 0, backingStorageSize: 0, together: 0, samples: 0 };
  const workers = new Set<string>();
  let id = 0;
  session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
    if (targetInfo.type === 'worker') workers.add(sessionId);
  });
  session.on('Target.receivedMessageFromTarget', ({ message }) => {
    const usage: HeapUsage | undefined = JSON.parse(message).result;
    if (usage?.backingStorageSize === undefined) return;
    peak.usedSize = Math.max(peak.usedSize, usage.usedSize);
    peak.backingStorageSize = Math.max(peak.backingStorageSize, usage.backingStorageSize);
    peak.together = Math.max(peak.together, usage.usedSize + usage.backingStorageSize);
    peak.samples += 1;
  });
  await session.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  const timer = setInterval(() => {
    for (const sessionId of workers) {
      const message = JSON.stringify({ id: ++id, method: 'Runtime.getHeapUsage' });
      session.send('Target.sendMessageToTarget', { sessionId, message }).catch(() => workers.delete(sessionId));
    }
  }, HEAP_INTERVAL_MS);
  return {
    peak,
    stop: async () => {
      clearInterval(timer);
      await session.detach();
    },
  };
}
