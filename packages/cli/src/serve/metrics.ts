import type { QueueState } from 'flux-srpo/fetch';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Exchange } from './exchange.ts';
import type { PictureStore } from './picture-store.ts';

/** From a small model on a GPU to FLUX.1 on a CPU, in seconds. */
const STEP_SECONDS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300];
const ANSWER_SECONDS = [0.01, 0.1, 1, 10, 60, 600, 3600];

/** What `/metrics` shows. Labels come from short lists: a stranger cannot make new ones. */
export interface Metrics {
  /** The Prometheus text format, version 0.0.4. */
  text(): Promise<string>;
  readonly contentType: string;
  /** Counts a request that was answered. */
  answered(exchange: Exchange): void;
  /** Counts an answer's `error.code`. */
  refused(code: string): void;
  /** Counts pictures, and the milliseconds of each step that was computed. */
  drawn(pictures: number, stepsMs: readonly number[]): void;
}

/** @param now what is read each time that `/metrics` is asked for */
export function createMetrics(now: { queue(): QueueState; images: PictureStore }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: 'flux_srpo_requests_total',
    help: 'Requests that were answered, by route, method and status.',
    labelNames: ['route', 'method', 'status'],
    registers,
  });
  const seconds = new Histogram({
    name: 'flux_srpo_answer_seconds',
    help: 'Seconds from the request to the end of its answer, by route.',
    labelNames: ['route'],
    buckets: ANSWER_SECONDS,
    registers,
  });
  const errors = new Counter({
    name: 'flux_srpo_errors_total',
    help: 'Answers with an error, by error.code.',
    labelNames: ['code'],
    registers,
  });
  const pictures = new Counter({ name: 'flux_srpo_pictures_total', help: 'Pictures that were drawn.', registers });
  const steps = new Histogram({
    name: 'flux_srpo_step_seconds',
    help: 'Seconds of each denoising step.',
    buckets: STEP_SECONDS,
    registers,
  });
  new Gauge({
    name: 'flux_srpo_queue',
    help: 'Requests that run, that wait, and that may wait.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, count] of Object.entries(now.queue())) this.set({ state }, count);
    },
  });
  const kept = new Gauge({ name: 'flux_srpo_kept_pictures', help: 'Pictures whose addresses work.', registers });
  const keptBytes = new Gauge({
    name: 'flux_srpo_kept_picture_bytes',
    help: 'Bytes of the pictures whose addresses work.',
    registers,
  });
  return {
    async text() {
      // Asked once for both: a folder is read for the answer.
      const { count, bytes } = await now.images.usage();
      kept.set(count);
      keptBytes.set(bytes);
      return registry.metrics();
    },
    contentType: registry.contentType,
    answered({ route, method, status, ms }) {
      requests.inc({ route, method, status });
      seconds.observe({ route }, ms / 1000);
    },
    refused: (code) => errors.inc({ code }),
    drawn(count, stepsMs) {
      pictures.inc(count);
      for (const ms of stepsMs) steps.observe(ms / 1000);
    },
  };
}
