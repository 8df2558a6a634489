import { Session } from 'node:inspector';

const OURS = /\/(?:packages|demo)\//;

/** The blocks of our code that ran since the last call, as V8 counts them. */
export interface Coverage {
  /**
   * Keys made of a block and the order of magnitude of its count: a loop that ran 8 times differs
   * from one that ran once.
   */
  take(): string[];
  stop(): void;
}

/**
 * Block coverage of scripts under `packages/` and `demo/`, through the inspector of this process.
 * Nothing is instrumented.
 */
export function startCoverage(): Coverage {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  return {
    take() {
      const keys: string[] = [];
      session.post('Profiler.takePreciseCoverage', (error, answer) => {
        if (error) throw error;
        for (const { scriptId, url, functions } of answer.result) {
          if (!OURS.test(url)) continue;
          for (const { ranges } of functions) {
            for (const { startOffset, endOffset, count } of ranges) {
              if (count > 0) keys.push(`${scriptId}:${startOffset}-${endOffset}:${Math.ceil(Math.log2(count))}`);
            }
          }
        }
      });
      return keys;
    },
    stop: () => session.disconnect(),
  };
}
