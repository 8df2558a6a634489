import type { DeviceTensor, PackedSession } from './backend.ts';
import { LoadedSession } from './loaded-session.ts';
import type { PackedModel } from './packed-model.ts';
import type { StageScope } from './stage-context.ts';
import { stageFailure } from './stage-failure.ts';
import type { StageTensor } from './stage-tensor.ts';

/** The graphs that a stage has loaded: one of each name, and those with a part's weights inside. */
export class StageSessions {
  readonly #scope: StageScope;
  readonly #sessions = new Map<string, Promise<LoadedSession>>();
  readonly #packed = new Set<LoadedSession>();

  constructor(scope: StageScope) {
    this.#scope = scope;
  }

  async session(graph: string, bytes: () => Promise<Uint8Array>): Promise<LoadedSession> {
    this.#scope.assertOpen();
    const known = this.#sessions.get(graph);
    if (known !== undefined) return known;
    const loading = bytes().then((model) => this.#load(graph, { model, options: {} }));
    this.#sessions.set(graph, loading);
    loading.catch(() => this.#sessions.delete(graph));
    return loading;
  }

  async pack(
    graph: string,
    bytes: () => Promise<Uint8Array>,
    weights: Readonly<Record<string, DeviceTensor>>,
  ): Promise<PackedSession> {
    const { context, memory, assertOpen } = this.#scope;
    assertOpen();
    const entries = Object.entries(weights) as [string, StageTensor][];
    const tensors = Object.fromEntries(entries.map(([name, { tensor }]) => [name, tensor]));
    const { pack, size } = memory.packing!;
    const packedBytes = Math.ceil(size * entries.reduce((sum, [, { bytes }]) => sum + bytes, 0));
    const model = pack(await bytes(), tensors);
    const loaded = await this.#load(graph, model, { bytes: packedBytes, weightBytes: packedBytes });
    this.#packed.add(loaded);
    const { mutex } = context;
    return Object.assign(loaded, {
      bytes: packedBytes,
      dispose: () => {
        if (this.#packed.delete(loaded)) mutex.exclusive(() => loaded.release(mutex)).catch(() => undefined);
      },
    });
  }

  /**
   * After a failed run onnxruntime-web 1.30 keeps that run's inputs bound, and computes every later
   * run from them. So the session is released, and whoever asks for the graph again gets a new one.
   */
  async discard(loaded: LoadedSession): Promise<void> {
    // Sessions with weights inside are onnxruntime-node's, which binds nothing.
    if (this.#packed.has(loaded)) return;
    this.#sessions.delete(loaded.graph);
    await loaded.release(this.#scope.context.mutex);
  }

  /** Resolves when what is being loaded is here or has failed. Then `release` frees all of them. */
  async settle(): Promise<{ release(): Promise<void> }> {
    const loaded = await Promise.allSettled(this.#sessions.values());
    const { mutex } = this.#scope.context;
    return {
      release: async () => {
        for (const result of loaded) if (result.status === 'fulfilled') await result.value.release(mutex);
        for (const session of this.#packed) await session.release(mutex);
        this.#packed.clear();
      },
    };
  }

  #load(
    graph: string,
    { model, options }: PackedModel,
    sizes?: { bytes: number; weightBytes: number },
  ): Promise<LoadedSession> {
    const { context, memory, assertOpen } = this.#scope;
    const { ort, mutex, ledger } = context;
    return mutex.exclusive(async () => {
      assertOpen();
      try {
        memory.assertAlive();
        const session = await ort.InferenceSession.create(model, { ...memory.sessionOptions, ...options });
        return new LoadedSession(graph, session, ledger.hold('session', sizes));
      } catch (cause) {
        throw await stageFailure(this.#scope, 'inference/session-create', graph, 'could not be loaded', cause);
      }
    });
  }
}
