import { createWasmBackend, httpBundle, openBundle } from '@flux-srpo/runtime';
import type { Line } from '../gpu/questions.ts';
import { timeBlocks } from '../gpu/time-blocks.ts';
import { answerOnce } from '../support/worker.ts';

export interface Input {
  bundle: string;
  threads: number;
  size: string;
  textTokens: number;
}

/** Lines of `timeBlocks`. */
answerOnce<Input, Line[]>(async ({ bundle, threads, size, textTokens }) => {
  const backend = await createWasmBackend({ threads });
  const lines: Line[] = [];
  try {
    await timeBlocks(backend, await openBundle(httpBundle(bundle)), [size], textTokens, (line) => lines.push(line));
    return lines;
  } finally {
    await backend.dispose();
  }
});
