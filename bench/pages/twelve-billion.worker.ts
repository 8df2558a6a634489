import { createWebGpuBackend, httpBundle } from '@flux-srpo/runtime';
import { type Generation, type GenerationReport, generateOnce } from '../support/generation.ts';
import { answerOnce } from '../support/worker.ts';

export interface Input {
  bundle: string;
  generation: Generation;
}

answerOnce<Input, GenerationReport>(async ({ bundle, generation }, note) => {
  // The self-test has tests of its own, and takes half a minute on SwiftShader.
  const backend = await createWebGpuBackend({ selfTest: false });
  return generateOnce(httpBundle(bundle), backend, generation, note);
});
