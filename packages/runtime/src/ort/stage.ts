import { FluxError, InferenceError } from '@flux-srpo/core';
import type { InferenceSession, Tensor } from 'onnxruntime-common';
import {
  type DeviceTensor,
  DTYPE_BYTES,
  type Dtype,
  type HostTensor,
  type Session,
  type SessionInput,
  type Stage,
} from './backend.ts';
import type { Ledger } from './ledger.ts';
import type { Memory, OrtModule } from './memory.ts';
import type { Mutex } from './mutex.ts';

export interface StageOptions {
  label: string;
  ort: OrtModule;
  mutex: Mutex;
  ledger: Ledger;
  memory: Memory;
}

/** A stage over any onnxruntime package. */
export function createStage({ label, ort, mutex, ledger, memory }: StageOptions): Stage {
  const sessions = new Map<string, Promise<LoadedSession>>();
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
      // After what is in flight: the run may still read this memory. On a poisoned runtime it goes with the device instead.
      mutex.exclusive(free).catch(() => undefined);
    });
    tensors.add(owned);
    return owned;
  }

  /** The error to throw for `cause`; poisons the mutex when the runtime cannot go on. */
  async function failure(
    code: 'inference/session-create' | 'inference/run',
    graph: string,
    cause: unknown,
  ): Promise<FluxError> {
    if (cause instanceof FluxError) return cause;
    if (memory.isBrokenByFailure || isTrap(cause)) mutex.poison(cause);
    const explained = await memory.explain();
    if (explained !== undefined) return explained;
    const what = code === 'inference/run' ? 'did not run' : 'could not be loaded';
    const message = `graph "${graph}" ${what} in stage "${label}": ${cause instanceof Error ? cause.message : String(cause)}`;
    return new InferenceError(message, { code, details: { graph, stage: label }, cause });
  }

  async function load(graph: string, bytes: () => Promise<Uint8Array>): Promise<LoadedSession> {
    const model = await bytes();
    return mutex.exclusive(async () => {
      assertOpen();
      try {
        memory.assertAlive();
        const session = await ort.InferenceSession.create(model, memory.sessionOptions);
        return new LoadedSession(graph, session, ledger.hold('session'));
      } catch (cause) {
        throw await failure('inference/session-create', graph, cause);
      }
    });
  }

  return {
    label,

    async session(graph, bytes) {
      assertOpen();
      const known = sessions.get(graph);
      if (known !== undefined) return known;
      const loading = load(graph, bytes);
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
      const weightBytes = allocation.tensor.size * DTYPE_BYTES[dtype];
      return own(allocation.tensor, { bytes: memory.outputBytes(weightBytes), weightBytes }, allocation.free);
    },

    async run(session, feeds) {
      assertOpen();
      const loaded = session as LoadedSession;
      assertNames(loaded, feeds);
      return mutex.exclusive(async () => {
        assertOpen();
        try {
          memory.assertAlive();
          const inputs = Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, toTensor(ort, feed)]));
          const outputs = Object.entries(await loaded.session.run(inputs)).map(
            ([name, tensor]): [string, StageTensor] => {
              const bytes = memory.outputBytes(tensor.size * DTYPE_BYTES[tensor.type as Dtype]);
              return [name, own(tensor, { bytes }, () => tensor.dispose())];
            },
          );
          memory.assertAlive();
          return Object.fromEntries(outputs);
        } catch (cause) {
          throw await failure('inference/run', loaded.graph, cause);
        }
      });
    },

    async read(tensor) {
      assertOpen();
      return mutex.exclusive(async () => {
        try {
          const values = await memory.read((tensor as StageTensor).tensor);
          memory.assertAlive();
          return values;
        } catch (cause) {
          throw await failure('inference/run', 'readback', cause);
        }
      });
    },

    close() {
      closing ??= closeAll();
      return closing;
    },
  };

  async function closeAll(): Promise<void> {
    const loaded = await Promise.allSettled(sessions.values());
    for (const tensor of tensors) tensor.dispose();
    const release = async (): Promise<void> => {
      for (const result of loaded) if (result.status === 'fulfilled') await result.value.session.release();
    };
    try {
      if (!mutex.isPoisoned) await mutex.exclusive(release);
    } finally {
      for (const result of loaded) if (result.status === 'fulfilled') result.value.released();
      await memory.close();
    }
  }
}

class LoadedSession implements Session {
  readonly graph: string;
  readonly inputs: readonly SessionInput[];
  readonly outputs: readonly string[];
  readonly session: InferenceSession;
  readonly released: () => void;

  constructor(graph: string, session: InferenceSession, released: () => void) {
    this.graph = graph;
    this.session = session;
    this.released = released;
    this.inputs = session.inputMetadata.map((input) =>
      input.isTensor
        ? { name: input.name, dtype: input.type, dims: input.shape }
        : { name: input.name, dtype: '?', dims: [] },
    );
    this.outputs = session.outputNames;
  }
}

class StageTensor implements DeviceTensor {
  readonly dtype: Dtype;
  readonly dims: readonly number[];
  readonly bytes: number;
  readonly onDevice = true;
  #tensor: Tensor | undefined;
  readonly #onDispose: () => void;

  constructor(tensor: Tensor, onDispose: () => void) {
    this.dtype = tensor.type as Dtype;
    this.dims = tensor.dims;
    this.bytes = tensor.size * DTYPE_BYTES[this.dtype];
    this.#tensor = tensor;
    this.#onDispose = onDispose;
  }

  get tensor(): Tensor {
    if (this.#tensor === undefined) throw new Error(`a tensor [${this.dims}] was used after dispose()`);
    return this.#tensor;
  }

  dispose(): void {
    if (this.#tensor === undefined) return;
    this.#tensor = undefined;
    this.#onDispose();
  }
}

function toTensor(ort: OrtModule, feed: HostTensor | DeviceTensor): Tensor {
  if (feed instanceof StageTensor) return feed.tensor;
  const { dtype, data, dims } = feed as HostTensor;
  return new ort.Tensor(dtype, data, dims);
}

/** Checked before the runtime sees them: on some builds its own complaint costs the whole worker. */
function assertNames(session: Session, feeds: Readonly<Record<string, unknown>>): void {
  const expected = session.inputs.map(({ name }) => name);
  const got = Object.keys(feeds);
  const missing = expected.filter((name) => !Object.hasOwn(feeds, name));
  const unexpected = got.filter((name) => !expected.includes(name));
  if (missing.length === 0 && unexpected.length === 0) return;
  throw new InferenceError(`graph "${session.graph}" expects inputs [${expected}], got [${got}]`, {
    code: 'inference/run',
    details: { graph: session.graph, missing, unexpected },
  });
}

/** WebAssembly traps, `Aborted()`, and the TypeErrors of a glue whose memory is gone: nothing after them can be trusted. */
function isTrap(error: unknown): boolean {
  return error instanceof WebAssembly.RuntimeError || error instanceof TypeError;
}
