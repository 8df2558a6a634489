import { Worker as NodeWorker } from 'node:worker_threads';
import { DeviceError } from '@flux-srpo/core';
import { threadArguments } from '@flux-srpo/export/thread-arguments';

/** What a thread is started with. */
export interface ThreadData {
  /** To say what the adapter is and end, or to compute. */
  task: 'adapter' | 'compute';
}

/** A thread of Node as what browsers call a worker: with events, and `terminate` at once. */
export class Thread extends EventTarget implements Worker {
  readonly #thread: NodeWorker;
  onmessage = null;
  onmessageerror = null;
  onerror = null;

  constructor(script: URL, data: ThreadData) {
    super();
    this.#thread = new NodeWorker(script, { workerData: data, execArgv: threadArguments(script) });
    this.#thread.on('message', (message) => this.dispatchEvent(new MessageEvent('message', { data: message })));
    this.#thread.on('messageerror', ({ message }) => this.#fail('messageerror', message));
    this.#thread.on('error', ({ message }) => this.#fail('error', message));
    this.#thread.on('exit', (code) => this.#fail('error', `its thread ended with exit code ${code}`));
    // Calls that are under way keep the process alive, an idle model does not.
    this.#thread.unref();
  }

  postMessage(message: unknown, transfer?: Transferable[] | StructuredSerializeOptions): void {
    const list = Array.isArray(transfer) ? transfer : transfer?.transfer;
    this.#thread.postMessage(message, list as ArrayBuffer[] | undefined);
  }

  terminate(): void {
    this.#thread.removeAllListeners();
    void this.#thread.terminate();
  }

  /** Its next message. @throws DeviceError where it ends without one */
  answer<T>(): Promise<T> {
    this.#thread.ref();
    return new Promise((resolve, reject) => {
      this.addEventListener('message', (event) => resolve((event as MessageEvent<T>).data), { once: true });
      this.addEventListener('error', (event) => {
        const { message } = event as Event & { message: string };
        reject(new DeviceError(`the thread must answer, got: ${message}`, { code: 'device/worker-failed' }));
      });
    });
  }

  #fail(type: 'error' | 'messageerror', message: string): void {
    this.dispatchEvent(Object.assign(new Event(type), { message }));
  }
}
