import { type ErrorCode, FluxError, InferenceError } from '@flux-srpo/core';
import type { Tensor } from 'onnxruntime-common';
import {
  type BackendHooks,
  type DeviceTensor,
  DTYPE_BYTES,
  type Dtype,
  type PackedSession,
  type Stage,
} from './backend.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { assertNames, LoadedSession } from './loaded-session.ts';
import type { Memory, OrtModule } from './memory.ts';
import { type Mutex, mutexOf } from './mutex.ts';
import type { PackedModel } from './packed-model.ts';
import { StageTensor, toTensor } from './stage-tensor.ts';

/** What the stages of one backend share. */
export interface StageContext {
  readonly ort: OrtModule;
  readonly mutex: Mutex;
  readonly ledger: Ledger;
  readonly hooks: BackendHooks;
  /** The open stages, so that the backend can close what its user did not. */
  readonly open: Set<Stage>;
}

export function createStageContext(ort: OrtModule, hooks: BackendHooks): StageContext {
  return { ort, mutex: mutexOf(ort), ledger: createLedger(), hooks, open: new Set() };
}

export async function closeStages({ open }: StageContext): Promise<void> {
  await Promise.all([...open].map((stage) => stage.close()));
}

/** A stage over any onnxruntime package. */
export function createStage(context: StageContext, label: string, memory: Memory): Stage {
  const { ort, mutex, ledger, hooks, open } = context;
  const sessions = new Map<string, Promise<LoadedSession>>();
  const packed = new Set<LoadedSession>();
  const tensors = new Set<StageTensor>();
  let closing: Promise<void> | undefined;

  function assertOpen(): void {
    if (closing !== undefined) throw new Error(`stage "${label}" is closed`);
  }

  function own(tensor: Tensor, sizes: { bytes: number; weightBytes?: number }, free: () => void): StageTensor {
    const release = ledger.hold('tensor', sizes);
    const owned = new StageTensor(tensor, () => {
      tensors.delete(owned);
      release();
      // Freed after what is in flight, which may still read this memory. A poisoned runtime frees
      // nothing: its memory goes with the device.
      mutex.exclusive(free).catch(() => undefined);
    });
    tensors.add(owned);
    return owned;
  }

  /** The typed error for what the runtime threw while doing `what`. A trap poisons the mutex. */
  async function failure(code: ErrorCode, graph: string, what: string, cause: unknown): Promise<FluxError> {
    if (cause instanceof FluxError) return cause;
    if (isTrap(cause)) mutex.poison(cause);
    const explained = await memory.explain();
    if (explained !== undefined) return explained;
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new InferenceError(`graph "${graph}" ${what} in stage "${label}": ${reason}`, {
      code,
      details: { graph, stage: label },
      cause,
    });
  }

  /**
   * After a failed run onnxruntime-web 1.30 keeps that run's inputs bound, and computes every later
   * run from them. So the session is released, and whoever asks for the graph again gets a new one.
   */
  async function discard(loaded: LoadedSession): Promise<void> {
    sessions.delete(loaded.graph);
    await loaded.release(mutex);
  }

  async function load(
    graph: string,
    { model, options }: PackedModel,
    sizes?: { bytes: number; weightBytes: number },
  ): Promise<LoadedSession> {
    return mutex.exclusive(async () => {
      assertOpen();
      try {
        memory.assertAlive();
        const session = await ort.InferenceSession.create(model, { ...memory.sessionOptions, ...options });
        return new LoadedSession(graph, session, ledger.hold('session', sizes));
      } catch (cause) {
        throw await failure('inference/session-create', graph, 'could not be loaded', cause);
      }
    });
  }

  async function loadPacked(
    graph: string,
    bytes: () => Promise<Uint8Array>,
    weights: Readonly<Record<string, DeviceTensor>>,
  ): Promise<PackedSession> {
    assertOpen();
    const entries = Object.entries(weights) as [string, StageTensor][];
    const tensors = Object.fromEntries(entries.map(([name, { tensor }]) => [name, tensor]));
    const weightBytes = entries.reduce((sum, [, { bytes }]) => sum + bytes, 0);
    const model = memory.pack!(await bytes(), tensors);
    const loaded = await load(graph, model, { bytes: weightBytes, weightBytes });
    packed.add(loaded);
    return Object.assign(loaded, {
      dispose() {
        if (packed.delete(loaded)) mutex.exclusive(() => loaded.release(mutex)).catch(() => undefined);
      },
    });
  }

  /** Counts `work` when it ends, well or not. */
  function counted<T>(work: Promise<T>): Promise<T> {
    return work.finally(() => hooks.onFinished?.());
  }

  const work: Pick<Stage, 'session' | 'upload' | 'run' | 'read'> = {
    async session(graph, bytes) {
      assertOpen();
      const known = sessions.get(graph);
      if (known !== undefined) return known;
      const loading = bytes().then((model) => load(graph, { model, options: {} }));
      sessions.set(graph, loading);
      loading.catch(() => sessions.delete(graph));
      return loading;
    },

    async upload(dtype, dims, fill) {
      assertOpen();
      const allocation = await memory.upload(dtype, dims, (write) =>
        fill((byteOffset, bytes) => {
          assertOpen();
          write(byteOffset, bytes);
        }),
      );
      if (closing !== undefined) allocation.free();
      assertOpen();
      const weightBytes = allocation.tensor.size * DTYPE_BYTES[dtype];
      return own(allocation.tensor, { bytes: memory.outputBytes(weightBytes), weightBytes }, allocation.free);
    },

    async run(session, feeds, signal) {
      assertOpen();
      const loaded = session as LoadedSession;
      assertNames(loaded, feeds);
      // Before queueing: whoever disposes a tensor right after this call does not take it away from
      // this run.
      const inputs = Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, toTensor(ort, feed)]));
      return mutex.exclusive(async () => {
        if (hooks.beforeRun) await hooks.beforeRun();
        signal?.throwIfAborted();
        assertOpen();
        memory.assertAlive();
        const results = await loaded.session.run(inputs).catch(async (cause: unknown) => {
          if (memory.isBrokenByFailure) mutex.poison(cause);
          const error = await failure('inference/run', loaded.graph, 'did not run', cause);
          // Sessions with weights inside are onnxruntime-node's, which binds nothing.
          if (!packed.has(loaded)) await discard(loaded);
          throw error;
        });
        const outputs = Object.entries(results).map(([name, tensor]): [string, StageTensor] => {
          const bytes = memory.outputBytes(tensor.size * DTYPE_BYTES[tensor.type as Dtype]);
          return [name, own(tensor, { bytes }, () => tensor.dispose())];
        });
        try {
          memory.assertAlive();
        } catch (error) {
          for (const [, output] of outputs) output.dispose();
          throw error;
        }
        return Object.fromEntries(outputs);
      });
    },

    async read(tensor) {
      assertOpen();
      if (tensor.dtype !== 'float32') throw new Error(`only float32 tensors are read back, got ${tensor.dtype}`);
      const source = (tensor as StageTensor).tensor;
      return mutex.exclusive(async () => {
        try {
          const values = await memory.read(source);
          memory.assertAlive();
          return values;
        } catch (cause) {
          throw await failure('inference/run', 'readback', 'did not run', cause);
        }
      });
    },
  };

  const stage: Stage = {
    label,
    session: (...input) => counted(work.session(...input)),
    pack: memory.pack && ((...input) => counted(loadPacked(...input))),
    upload: (...input) => counted(work.upload(...input)),
    run: (...input) => counted(work.run(...input)),
    read: (...input) => counted(work.read(...input)),
    close() {
      open.delete(stage);
      closing ??= closeAll();
      return closing;
    },
  };
  open.add(stage);
  return stage;

  async function closeAll(): Promise<void> {
    const loaded = await Promise.allSettled(sessions.values());
    // First what is in flight, whose outputs are tensors too. A poisoned runtime has nothing in
    // flight.
    await mutex.exclusive(() => undefined).catch(() => undefined);
    for (const tensor of tensors) tensor.dispose();
    const release = async (): Promise<void> => {
      for (const result of loaded) if (result.status === 'fulfilled') await result.value.release(mutex);
      for (const session of packed) await session.release(mutex);
      packed.clear();
    };
    try {
      // A poisoned runtime is not called again; its memory goes with the device.
      await (mutex.isPoisoned ? release() : mutex.exclusive(release));
    } finally {
      await memory.close();
    }
  }
}

/** A WebAssembly trap, or the TypeErrors after one: the runtime cannot be trusted any more. */
function isTrap(error: unknown): boolean {
  return error instanceof WebAssembly.RuntimeError || error instanceof TypeError;
}
