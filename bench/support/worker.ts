import type { WorkerMessage } from './chromium.ts';

/** The note that a worker posts after each step, so that the listener reads its clocks. */
export const STEP_DONE = 'step done';

/**
 * A bench's worker: does `work` once, on the first message, and posts the result or the failure.
 */
export function answerOnce<Input, Result>(work: (input: Input, note: (note: string) => void) => Promise<Result>): void {
  const post = (message: WorkerMessage<Result>) => self.postMessage(message);
  self.onmessage = ({ data }: MessageEvent<Input>) => {
    work(data, (note) => post({ note })).then(
      (result) => post({ result }),
      (error: unknown) => post({ failure: error instanceof Error ? `${error.stack}` : String(error) }),
    );
  };
}
