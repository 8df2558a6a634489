import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { fromWireError, type WireError } from '@flux-srpo/core';
import type { AdapterReport } from '@flux-srpo/runtime/device';
import { folderBundle, nodeVerdictStore } from '@flux-srpo/runtime/node';
import type { Home } from '../client/home.ts';
import type { FluxSrpoOptions } from '../client/options.ts';
import { Thread } from './thread.ts';

/** What a thread that is asked for the adapter answers. */
export type AdapterAnswer = { readonly report: AdapterReport } | { readonly error: WireError };

const script = (): URL => new URL('../node-worker.ts', import.meta.url);

/** A process of Node: models are folders too, and a thread computes. */
export const nodeHome: Home = {
  assertCanCompute: () => undefined,
  startWorker: (url) => new Thread(url === undefined ? script() : new URL(url), { task: 'compute' }),
  // Not in this thread: a driver that crashes would take the process along, and Dawn keeps it
  // from ending.
  async probeAdapter() {
    const thread = new Thread(script(), { task: 'adapter' });
    try {
      const answer = await thread.answer<AdapterAnswer>();
      if ('error' in answer) throw fromWireError(answer.error);
      return answer.report;
    } finally {
      thread.terminate();
    }
  },
  verdicts: nodeVerdictStore(),
  openFiles: (url) => (url.startsWith('file:') ? folderBundle(fileURLToPath(url)) : undefined),
};

/** A scheme; one letter is a drive of Windows. */
const SCHEME = /^[a-z][a-z0-9+.-]+:/i;

/** Paths in `model` become `file:` URLs. */
export function withFileUrls({ model, ...options }: FluxSrpoOptions): FluxSrpoOptions {
  if (model === undefined) return options;
  if (typeof model === 'string' || model instanceof URL) return { ...options, model: toUrl(model) };
  return { ...options, model: 'url' in model ? { ...model, url: toUrl(model.url) } : model };
}

function toUrl(address: string | URL): string | URL {
  return typeof address !== 'string' || SCHEME.test(address) ? address : pathToFileURL(resolve(address));
}
