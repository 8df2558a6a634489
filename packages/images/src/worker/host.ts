import { isFluxError, toWireError, type WireError } from '@flux-srpo/core';
import {
  type Backend,
  createPipeline,
  createWasmBackend,
  createWebGpuBackend,
  encodePicture,
  keepAll,
  openBundle,
  type Pipeline,
  pictureSettings,
  type WebGpuBackendOptions,
} from '@flux-srpo/runtime';
import { transfer } from 'comlink';
import { requiredLimits } from '../probe/memory-plan.ts';
import { type OpenedModel, openModel } from '../store/open-model.ts';
import { modelFacts } from '../wire/model.ts';
import { breathing } from './breathing.ts';
import { countingBackend, countingFiles, type FinishedCounter } from './counting.ts';
import type { EventMessage, LoadInput, LocalModel, Reply, WorkerApi, WorkerEvent } from './protocol.ts';
import { isUnsupported } from './recovery.ts';

export interface HostOptions {
  /** `false` trusts the GPU without the known-answer tests. */
  selfTest?: false;
}

interface Opening {
  input: LoadInput;
  counter: FinishedCounter;
  options: HostOptions;
  signal: AbortSignal;
  emit: (event: WorkerEvent) => void;
}

interface Opened {
  pipeline: Pipeline;
  model: LocalModel;
  /** Lets others change or remove the model. */
  release?: () => void;
}

/**
 * The worker's end: one pipeline, one call at a time.
 *
 * @param post sends to the main thread
 */
export function createHost(
  post: (message: EventMessage, transfer: Transferable[]) => void,
  options: HostOptions = {},
): WorkerApi {
  const counter = { finished: 0 };
  const controllers = new Map<number, AbortController>();
  let loaded: (Opened & { key: string }) | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  /** Runs `work` after every earlier call; its outcome becomes a reply, whatever it is. */
  const answer = <T>(call: number, work: (signal: AbortSignal) => Promise<T>): Promise<Reply<T>> => {
    const controller = new AbortController();
    controllers.set(call, controller);
    const reply = turn.then(async (): Promise<Reply<T>> => {
      try {
        controller.signal.throwIfAborted();
        return { type: 'result', value: await work(controller.signal) };
      } catch (error) {
        return controller.signal.aborted ? { type: 'cancelled' } : { type: 'failure', error: toWireError(error) };
      } finally {
        controllers.delete(call);
      }
    });
    turn = reply;
    return reply;
  };

  const unload = async (): Promise<void> => {
    const { pipeline, release } = loaded ?? {};
    loaded = undefined;
    await pipeline?.dispose();
    release?.();
  };

  return {
    load: (call, input) =>
      answer(call, async (signal) => {
        const key = JSON.stringify(input);
        if (loaded?.key !== key) {
          await unload();
          const emit = (event: WorkerEvent) => post({ call, event }, []);
          loaded = { key, ...(await open({ input, counter, options, signal, emit })) };
        }
        return loaded.model;
      }),

    async generate(call, request) {
      const emit = (event: WorkerEvent, buffers: Transferable[] = []) => post({ call, event }, buffers);
      const reply = await answer(call, async (signal) => {
        if (loaded === undefined) throw new Error('generate must come after load');
        const { pipeline } = loaded;
        const result = await pipeline.generate(request, {
          signal,
          onProgress: (progress) => emit({ type: 'progress', progress }),
          onPreview: (image) => emit({ type: 'partial-image', image }, [image.rgba.buffer]),
        });
        const { seed, skippedSteps, dropped, timings, flagged } = result;
        const files: Uint8Array<ArrayBuffer>[] = [];
        for (const [i, image] of result.images.entries()) {
          // A task of its own, before which the worker hears of a cancel.
          await new Promise((resolve) => setTimeout(resolve));
          signal.throwIfAborted();
          const settings = pictureSettings(result, i, pipeline.bundle);
          // A picture that is withheld does not even cross as a black one.
          files.push((flagged?.[i] ? new Uint8Array() : encodePicture(image, settings)) as Uint8Array<ArrayBuffer>);
        }
        return { files, seed, skippedSteps, dropped, timings, ...(flagged === undefined ? {} : { flagged }) };
      });
      return transfer(reply, reply.type === 'result' ? reply.value.files.map((file) => file.buffer) : []);
    },

    unload: (call) =>
      answer(call, async () => {
        await unload();
        return null;
      }),

    cancel(call) {
      controllers.get(call)?.abort();
    },

    ping: () => counter.finished,
  };
}

/** What is stored of a model stays as it is while it is open here. */
async function open(opening: Opening): Promise<Opened> {
  const { model, keep } = opening.input;
  const opened = await openModel(model, keep);
  const { release } = opened;
  try {
    return { ...(await openFrom(opened, opening)), release };
  } catch (error) {
    release();
    throw error;
  }
}

async function openFrom(
  { files, chunks, isStored }: OpenedModel,
  { input, counter, options, signal, emit }: Opening,
): Promise<Opened> {
  const bundle = await openBundle(countingFiles(files, counter), chunks);
  const { manifest } = bundle;
  const { backend, fallback } = await createBackend(input, { requiredLimits: requiredLimits(manifest), ...options });
  try {
    const pipeline = await createPipeline({
      bundle,
      backend: countingBackend(breathing(backend), counter),
      memoryBudget: input.memoryBudget,
      precision: input.precision,
    });
    if (chunks !== undefined) {
      await keepAll(bundle, chunks, signal, (progress) => emit({ type: 'progress', progress }));
    }
    await pipeline.prepare();
    return {
      pipeline,
      model: {
        ...modelFacts(manifest),
        name: manifest.name,
        licence: manifest.licence,
        examples: manifest.examples ?? [],
        backend: backend.name === 'webgpu' ? 'webgpu' : 'wasm',
        isKept: isStored,
        ...(fallback === undefined ? {} : { fallback }),
      },
    };
  } catch (error) {
    await backend.dispose();
    throw error;
  }
}

async function createBackend(
  { backends: [first, second], wasmUrl, precision = 'auto' }: LoadInput,
  gpuOptions: WebGpuBackendOptions,
): Promise<{ backend: Backend; fallback?: WireError }> {
  const options = wasmUrl === undefined ? {} : { wasmUrl };
  if (first === 'wasm') return { backend: await createWasmBackend(options) };
  try {
    return { backend: await createWebGpuBackend({ ...options, ...gpuOptions, precision }) };
  } catch (error) {
    if (second === undefined || !isFluxError(error) || !isUnsupported(error)) throw error;
    return { backend: await createWasmBackend(options), fallback: toWireError(error) };
  }
}
