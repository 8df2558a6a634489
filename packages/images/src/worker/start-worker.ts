import { serveAsThread } from '@flux-srpo/runtime';
import { createHost } from './host.ts';
import type { HostOptions } from './load-model.ts';
import { connectToPage } from './protocol.ts';

/** Makes this dedicated worker one that computes. */
export function startWorker(options?: HostOptions): void {
  if (serveAsThread()) return;
  connectToPage((page) => createHost(page, options));
}
