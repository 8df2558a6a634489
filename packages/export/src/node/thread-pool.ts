import { Worker } from 'node:worker_threads';
import { DeviceError, fromWireError } from '@flux-srpo/core';
import { type QuantizedRows, type QuantizeJob, quantizeRows, type RowQuantizer } from '../quantize/row-quantizer.ts';
import { arrayOf, sliceNumbers } from '../tensors/numbers.ts';
import { PIECES_AT_ONCE } from '../tensors/read-memory.ts';
import type { JobReply } from './serve-jobs.ts';
import { threadArguments } from './thread-arguments.ts';

/** A quantizer whose threads run until it is closed. */
export interface ThreadQuantizer extends RowQuantizer {
  /** Ends all threads. Jobs that are running are rejected. */
  close(): Promise<void>;
}

/** Some rows of a job, for one thread. */
interface Task {
  readonly job: QuantizeJob;
  /** Range of the job's values. */
  readonly start: number;
  readonly end: number;
  resolve(rows: QuantizedRows): void;
  reject(error: Error): void;
}

export class ThreadPool implements ThreadQuantizer {
  readonly concurrency = PIECES_AT_ONCE;
  readonly #threads: number;
  readonly #jobWeights: number;
  readonly #script: URL;
  readonly #workers = new Set<Worker>();
  readonly #idle: Worker[] = [];
  readonly #underWay = new Map<Worker, Task>();
  readonly #queue: Task[] = [];
  /** Why no more jobs are taken; undefined while they are. */
  #ended: Error | undefined;

  constructor(threads: number, jobWeights: number, script: URL) {
    this.#threads = threads;
    this.#jobWeights = jobWeights;
    this.#script = script;
  }

  async quantize(job: QuantizeJob): Promise<QuantizedRows> {
    if (this.#ended) throw this.#ended;
    const { rows, inFeatures } = job;
    const length = Math.max(1, Math.floor(this.#jobWeights / inFeatures)) * inFeatures;
    const all = arrayOf(rows).length;
    if (all <= length) return quantizeRows(job);
    const pieces: Promise<QuantizedRows>[] = [];
    for (let start = 0; start < all; start += length) {
      pieces.push(this.#enqueue(job, start, Math.min(start + length, all)));
    }
    return join(await Promise.all(pieces));
  }

  async close(): Promise<void> {
    this.#end(new DeviceError('the threads that quantize were closed', { code: 'device/worker-failed' }));
    await Promise.all([...this.#workers].map((worker) => worker.terminate()));
  }

  #enqueue(job: QuantizeJob, start: number, end: number): Promise<QuantizedRows> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, start, end, resolve, reject });
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const worker = this.#idle.pop() ?? (this.#workers.size < this.#threads ? this.#start() : undefined);
      if (worker === undefined) return;
      const task = this.#queue.shift()!;
      this.#underWay.set(worker, task);
      const rows = sliceNumbers(task.job.rows, task.start, task.end);
      worker.postMessage({ ...task.job, rows } satisfies QuantizeJob, [arrayOf(rows).buffer as ArrayBuffer]);
    }
  }

  #start(): Worker {
    const worker = new Worker(this.#script, { execArgv: threadArguments(this.#script) });
    this.#workers.add(worker);
    worker.on('message', (reply: JobReply) => {
      const task = this.#underWay.get(worker);
      this.#underWay.delete(worker);
      if ('error' in reply) task?.reject(fromWireError(reply.error));
      else task?.resolve(reply.done);
      if (this.#ended) return;
      this.#idle.push(worker);
      this.#dispatch();
    });
    worker.on('error', (cause) => this.#end(threadFailed(cause.message, cause)));
    worker.on('exit', (code) => {
      this.#workers.delete(worker);
      this.#end(threadFailed(`exit code ${code}`));
    });
    return worker;
  }

  /** Rejects all jobs, running and future. The first reason stays. */
  #end(reason: Error): void {
    this.#ended ??= reason;
    for (const task of [...this.#underWay.values(), ...this.#queue]) task.reject(this.#ended);
    this.#underWay.clear();
    this.#queue.length = 0;
  }
}

function threadFailed(got: string, cause?: Error): DeviceError {
  return new DeviceError(`a quantizing thread must run to the end, got: ${got}; convert with one thread instead`, {
    code: 'device/worker-failed',
    details: { got },
    cause,
  });
}

/** Results of consecutive rows as one. */
function join(pieces: readonly QuantizedRows[]): QuantizedRows {
  // NaN where any piece has it, as without cutting.
  const largest = Math.max(...pieces.map((piece) => piece.largest));
  if (!Number.isFinite(largest)) return { codes: new Uint8Array(), scales: new Float32Array(), largest };
  const size = (key: 'codes' | 'scales') => pieces.reduce((sum, piece) => sum + piece[key].length, 0);
  const codes = new Uint8Array(size('codes'));
  const scales =
    pieces[0]!.scales instanceof Uint8Array ? new Uint8Array(size('scales')) : new Float32Array(size('scales'));
  let codesAt = 0;
  let scalesAt = 0;
  for (const piece of pieces) {
    codes.set(piece.codes, codesAt);
    scales.set(piece.scales, scalesAt);
    codesAt += piece.codes.length;
    scalesAt += piece.scales.length;
  }
  return { codes, scales, largest };
}
