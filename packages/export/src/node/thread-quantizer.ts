import { availableParallelism } from 'node:os';
import { IN_PROCESS } from '../quantize/row-quantizer.ts';
import { ThreadPool, type ThreadQuantizer } from './thread-pool.ts';

export interface ThreadQuantizerOptions {
  /**
   * 1 quantizes in the calling thread and starts none.
   * @default as many as the machine runs at once, 4 at most
   */
  threads?: number;
  /** Weights that a thread gets at a time. Smaller jobs are done in the calling thread. */
  jobWeights?: number;
  /** Module of a thread, which calls `serveJobs`. */
  script?: URL;
}

/** More threads would wait for the one that reads and hashes, and each takes some 30 MB. */
const MOST_BY_DEFAULT = 4;

/** A mebibyte of float32: milliseconds of search, far more than a message between threads takes. */
const JOB_WEIGHTS = 2 ** 18;

const SCRIPT = new URL('./quantize-worker.ts', import.meta.url);

/**
 * Quantizes in several threads, with the same bytes as in one. Threads start when there is work for
 * them, so a small model starts none. The process does not end before the quantizer is closed.
 */
export function threadQuantizer(options: ThreadQuantizerOptions = {}): ThreadQuantizer {
  const {
    threads = Math.min(availableParallelism(), MOST_BY_DEFAULT),
    jobWeights = JOB_WEIGHTS,
    script = SCRIPT,
  } = options;
  return threads > 1 ? new ThreadPool(threads, jobWeights, script) : { ...IN_PROCESS, close: async () => {} };
}
