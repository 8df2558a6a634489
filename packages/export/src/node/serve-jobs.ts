import { parentPort } from 'node:worker_threads';
import { toWireError, type WireError } from '@flux-srpo/core';
import type { QuantizedRows, QuantizeJob } from '../quantize/row-quantizer.ts';

/** What a thread answers to a {@link QuantizeJob}. */
export type JobReply = { readonly done: QuantizedRows } | { readonly error: WireError };

/** In a thread: answers each job in turn. Results are transferred, not copied. */
export function serveJobs(quantize: (job: QuantizeJob) => QuantizedRows): void {
  const port = parentPort;
  if (port === null) throw new Error('serveJobs must be called in a worker thread');
  port.on('message', (job: QuantizeJob) => {
    let done: QuantizedRows;
    try {
      done = quantize(job);
    } catch (error) {
      port.postMessage({ error: toWireError(error) } satisfies JobReply);
      return;
    }
    port.postMessage({ done } satisfies JobReply, [done.codes.buffer, done.scales.buffer]);
  });
}
