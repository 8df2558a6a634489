import type { Tensor } from 'onnxruntime-common';
import { DTYPE_BYTES, type Dtype, type Stage } from './backend.ts';
import { assertNames, type LoadedSession } from './loaded-session.ts';
import type { Memory } from './memory.ts';
import type { StageContext, StageScope } from './stage-context.ts';
import { stageFailure } from './stage-failure.ts';
import { StageSessions } from './stage-sessions.ts';
import { StageTensor, toTensor } from './stage-tensor.ts';

/** A stage over any onnxruntime package. */
export function createStage(context: StageContext, label: string, memory: Memory): Stage {
  const { ort, mutex, ledger, hooks, open } = context;
  const tensors = new Set<StageTensor>();
  let closing: Promise<void> | undefined;

  function assertOpen(): void {
    if (closing !== undefined) throw new Error(`stage "${label}" is closed`);
  }

  const scope: StageScope = { context, label, memory, assertOpen };
  const sessions = new StageSessions(scope);

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

  /** Counts `work` when it ends, well or not. */
  function counted<T>(work: Promise<T>): Promise<T> {
    return work.finally(() => hooks.onFinished?.());
  }

  const work: Pick<Stage, 'upload' | 'run' | 'read'> = {
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
          const error = await stageFailure(scope, 'inference/run', loaded.graph, 'did not run', cause);
          await sessions.discard(loaded);
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
          throw await stageFailure(scope, 'inference/run', 'readback', 'did not run', cause);
        }
      });
    },
  };

  const stage: Stage = {
    label,
    session: (...input) => counted(sessions.session(...input)),
    pack: memory.packing && ((...input) => counted(sessions.pack(...input))),
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
    const { release } = await sessions.settle();
    // First what is in flight, whose outputs are tensors too. A poisoned runtime has nothing in
    // flight.
    await mutex.exclusive(() => undefined).catch(() => undefined);
    for (const tensor of tensors) tensor.dispose();
    try {
      // A poisoned runtime is not called again; its memory goes with the device.
      await (mutex.isPoisoned ? release() : mutex.exclusive(release));
    } finally {
      await memory.close();
    }
  }
}
