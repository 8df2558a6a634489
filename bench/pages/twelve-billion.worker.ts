import { createWebGpuBackend, httpBundle } from '@flux-srpo/runtime';
import type { WorkerMessage } from '../support/chromium.ts';
import { type Generation, type GenerationReport, generateOnce } from '../support/generation.ts';

export interface Input {
  bundle: string;
  generation: Generation;
}

const post = (message: WorkerMessage<GenerationReport>) => self.postMessage(message);

self.onmessage = async ({ data }: MessageEvent<Input>) => {
  try {
    // The self-test has tests of its own, and takes half a minute on SwiftShader.
    const backend = await createWebGpuBackend({ selfTest: false });
    const note = (text: string) => post({ note: text });
    post({ result: await generateOnce(httpBundle(data.bundle), backend, data.generation, note) });
  } catch (error) {
    post({ failure: error instanceof Error ? `${error.stack}` : String(error) });
  }
};
