import type { Progress } from 'flux-srpo';

/** How far a call is, and how fast. Times are milliseconds of `performance.now()`. */
export interface RunProgress {
  startedAt: number;
  now: number;
  fraction: number;
  text: string;
  bytes?: { done: number; total: number; since: number };
  /** Where the present kind of work began: loading goes at another pace than drawing. */
  pace?: { isLoading: boolean; at: number; fraction: number };
  steps?: { firstAt: number; at: number; done: number; total: number };
}

export function startProgress(text: string, now: number): RunProgress {
  return { startedAt: now, now, fraction: 0, text };
}

export function advance(before: RunProgress, event: Progress, now: number): RunProgress {
  const { fraction, text, stage } = event;
  const isLoading = stage === 'load';
  const pace = before.pace?.isLoading === isLoading ? before.pace : { isLoading, at: now, fraction };
  const next: RunProgress = { startedAt: before.startedAt, now, fraction, text, pace };
  if (stage === 'load') next.bytes = { done: event.loaded, total: event.total, since: before.bytes?.since ?? now };
  if (stage === 'denoise') {
    const { step: done, steps: total } = event;
    const last = before.steps?.total === total && done >= before.steps.done ? before.steps : undefined;
    next.steps = last?.done === done ? last : { firstAt: last?.firstAt ?? now, at: now, done, total };
  } else if (before.steps !== undefined && stage !== 'restart') next.steps = before.steps;
  return next;
}

/** Seconds a step; undefined before the first one was finished. */
export function secondsPerStep({ steps }: RunProgress): number | undefined {
  if (steps === undefined || steps.done === 0) return undefined;
  return (steps.at - steps.firstAt) / steps.done / 1000;
}

/** Less of the work than this tells nothing of the pace. */
const LEAST_SHARE = 0.02;

/** Seconds until the end, decoding included. */
export function secondsLeft({ pace, fraction, now }: RunProgress): number | undefined {
  if (pace === undefined || fraction - pace.fraction < LEAST_SHARE) return undefined;
  return (((1 - fraction) / (fraction - pace.fraction)) * (now - pace.at)) / 1000;
}

/** Bytes a second since the first were there. */
export function bytesPerSecond({ bytes, now }: RunProgress): number | undefined {
  if (bytes === undefined || now - bytes.since < 500) return undefined;
  return (bytes.done / (now - bytes.since)) * 1000;
}
