import { isFluxError, toWireError, type WireError } from '@flux-srpo/core';
import {
  type Backend,
  createPipeline,
  createWasmBackend,
  createWebGpuBackend,
  encodePicture,
  httpBundle,
  openBundle,
  type Pipeline,
  pictureSettings,
} from '@flux-srpo/runtime';
import { type ProxyMethods, releaseProxy, transfer } from 'comlink';
import type { LoadedModel, LoadInput, Notify, Reply, WorkerApi } from './protocol.ts';

/** The worker's end: one pipeline, one call at a time. */
export function createHost(): WorkerApi {
  const controllers = new Map<number, AbortController>();
  let loaded: { key: string; pipeline: Pipeline; model: LoadedModel } | undefined;
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
    const { pipeline } = loaded ?? {};
    loaded = undefined;
    await pipeline?.dispose();
  };

  return {
    load: (call, input) =>
      answer(call, async () => {
        const key = JSON.stringify(input);
        if (loaded?.key !== key) {
          await unload();
          loaded = { key, ...(await open(input)) };
        }
        return loaded.model;
      }),

    async generate(call, input, notify) {
      const reply = await answer(call, async (signal) => {
        if (loaded === undefined) throw new Error('generate must come after load');
        const { pipeline } = loaded;
        const result = await pipeline.generate(input, {
          signal,
          onProgress: (progress) => notify({ type: 'progress', progress }),
          onPreview: (image) => notify(transfer({ type: 'partial-image', image }, [image.rgba.buffer])),
        });
        const files = result.images.map(
          (image, i) => encodePicture(image, pictureSettings(result, i, pipeline.bundle)) as Uint8Array<ArrayBuffer>,
        );
        return { files, seed: result.seed, timings: result.timings };
      });
      (notify as Notify & ProxyMethods)[releaseProxy]();
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
  };
}

async function open(input: LoadInput): Promise<{ pipeline: Pipeline; model: LoadedModel }> {
  const bundle = await openBundle(httpBundle(input.model));
  const { backend, fallback } = await createBackend(input);
  try {
    const pipeline = await createPipeline({ bundle, backend });
    const { model, name, licence, sizes, defaults, examples } = bundle.manifest;
    return {
      pipeline,
      model: {
        model,
        name,
        licence,
        sizes,
        defaults,
        examples: examples ?? [],
        backend: backend.name === 'webgpu' ? 'webgpu' : 'wasm',
        ...(fallback === undefined ? {} : { fallback }),
      },
    };
  } catch (error) {
    await backend.dispose();
    throw error;
  }
}

/** What WebGPU can say that only another backend helps; anything else is a failure worth hearing of. */
const UNUSABLE = [
  'device/no-webgpu',
  'device/limit-too-small',
  'device/feature-missing',
  'device/self-test-failed',
] as const;

async function createBackend({ backend, wasmUrl }: LoadInput): Promise<{ backend: Backend; fallback?: WireError }> {
  const options = wasmUrl === undefined ? {} : { wasmUrl };
  if (backend === 'wasm') return { backend: await createWasmBackend(options) };
  try {
    return { backend: await createWebGpuBackend(options) };
  } catch (error) {
    if (backend === 'webgpu' || !UNUSABLE.some((code) => isFluxError(error, code))) throw error;
    return { backend: await createWasmBackend(options), fallback: toWireError(error) };
  }
}
