import { expose } from 'comlink';
import { createHost, type HostOptions } from './host.ts';

/** Makes this dedicated worker one that computes. */
export function startWorker(options?: HostOptions): void {
  expose(createHost((message, transfer) => self.postMessage(message, { transfer }), options));
}
