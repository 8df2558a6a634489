import { type Backend, createPipeline, createWebGpuBackend, httpBundle, openBundle } from '@flux-srpo/runtime';
import { answerOnce, STEP_DONE } from '../support/worker.ts';

export interface Input {
  bundle: string;
  width: number;
  height: number;
  textTokens: number;
  steps: number;
}

export interface Result {
  /** Milliseconds of each step but the first, which also loads. */
  steps: number[];
  /**
   * Milliseconds of each step spent in `run` and in `read`: waiting for the runtime to accept all
   * of the step's runs, and for the velocity to come back.
   */
  runs: number[];
  reads: number[];
  /** Calls of one step by method, and the buffers that it created, as `<bytes> <usage>`. */
  calls: Record<string, number>;
  buffers: Record<string, number>;
  gpuBytes: number;
  gpuWeightBytes: number;
}

/**
 * Bytes: enough to keep FLUX.1's blocks on the device, too little to keep the text encoders beside
 * them.
 */
const BUDGET = 9e9;

const calls = new Map<string, number>();
const buffers = new Map<string, number>();

/** Counts calls of `prototype[method]`. */
function count<Key extends string>(prototype: Record<Key, unknown>, method: Key, replacement?: () => void): void {
  const original = replacement ?? (prototype[method] as (...args: unknown[]) => unknown);
  prototype[method] = function (this: unknown, ...args: unknown[]) {
    calls.set(method, (calls.get(method) ?? 0) + 1);
    return original.apply(this, args as []);
  };
}

answerOnce<Input, Result>(async ({ bundle, width, height, textTokens, steps }, note) => {
  // Nothing is computed. What remains is the work of JavaScript and WebAssembly to submit it.
  count(
    GPUComputePassEncoder.prototype as unknown as Record<'dispatchWorkgroups', unknown>,
    'dispatchWorkgroups',
    () => {},
  );
  for (const method of ['createBuffer', 'createBindGroup', 'createCommandEncoder'])
    count(GPUDevice.prototype as unknown as Record<string, unknown>, method);
  for (const method of ['submit', 'writeBuffer', 'onSubmittedWorkDone'])
    count(GPUQueue.prototype as unknown as Record<string, unknown>, method);
  count(GPUBuffer.prototype as unknown as Record<string, unknown>, 'mapAsync');
  count(GPUCommandEncoder.prototype as unknown as Record<string, unknown>, 'copyBufferToBuffer');

  const { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const key = `${descriptor.size} ${descriptor.usage}`;
    buffers.set(key, (buffers.get(key) ?? 0) + 1);
    return createBuffer.call(this, descriptor);
  };

  const spent = { run: 0, read: 0 };
  const backend = timing(await createWebGpuBackend({ selfTest: false }), spent);
  const pipeline = await createPipeline({
    bundle: await openBundle(httpBundle(bundle)),
    backend,
    memoryBudget: BUDGET,
  });
  const result: Result = { steps: [], runs: [], reads: [], calls: {}, buffers: {}, gpuBytes: 0, gpuWeightBytes: 0 };
  const done = new AbortController();
  let last = performance.now();
  let step = 0;
  try {
    await pipeline.generate(
      { prompt: 'a red house', size: { width, height }, steps, seed: 1, maxSequenceLength: textTokens },
      {
        signal: done.signal,
        onProgress: (progress) => {
          if (progress.stage === 'load') note(`load ${progress.part}`);
        },
        onTensor: (name) => {
          if (!name.startsWith('latents_')) return;
          const now = performance.now();
          if (++step > 1) {
            result.steps.push(now - last);
            result.runs.push(spent.run);
            result.reads.push(spent.read);
            result.calls = Object.fromEntries(calls);
            result.buffers = Object.fromEntries(buffers);
          }
          note(STEP_DONE);
          const { bytes, weightBytes } = backend.ledger.snapshot();
          Object.assign(result, { gpuBytes: bytes, gpuWeightBytes: weightBytes });
          calls.clear();
          buffers.clear();
          Object.assign(spent, { run: 0, read: 0 });
          last = performance.now();
          // The latents were not computed, so there is nothing to decode.
          if (step === steps) done.abort();
        },
      },
    );
  } catch (error) {
    if (!done.signal.aborted) throw error;
  } finally {
    await pipeline.dispose();
  }
  return result;
});

function timing(backend: Backend, spent: Record<'run' | 'read', number>): Backend {
  const timed = async <T>(kind: 'run' | 'read', work: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    const value = await work();
    spent[kind] += performance.now() - started;
    return value;
  };
  const openStage: Backend['openStage'] = async (...args) => {
    const stage = await backend.openStage(...args);
    return {
      ...stage,
      run: (...input) => timed('run', () => stage.run(...input)),
      read: (tensor) => timed('read', () => stage.read(tensor)),
    };
  };
  return { ...backend, openStage };
}
