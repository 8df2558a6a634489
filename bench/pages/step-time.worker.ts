import { createWasmBackend, createWebGpuBackend, httpBundle } from '@flux-srpo/runtime';
import type { WorkerMessage } from '../support/chromium.ts';
import { type StepRequest, stepTimes } from '../support/step-times.ts';

export interface StepInput {
  bundle: string;
  backend: 'wasm' | 'webgpu';
  /** On wasm. The page is cross-origin isolated. */
  threads?: number;
  request: StepRequest;
}

const post = (message: WorkerMessage<number[]>) => self.postMessage(message);

self.onmessage = async ({ data }: MessageEvent<StepInput>) => {
  try {
    // The self-test has tests of its own, and takes half a minute on SwiftShader.
    const backend = await (data.backend === 'wasm'
      ? createWasmBackend({ threads: data.threads })
      : createWebGpuBackend({ selfTest: false }));
    post({ result: await stepTimes(httpBundle(data.bundle), backend, data.request) });
  } catch (error) {
    post({ failure: error instanceof Error ? `${error.stack}` : String(error) });
  }
};
