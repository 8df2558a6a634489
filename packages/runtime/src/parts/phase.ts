import { type GraphPart, ModelError, type Residency } from '@flux-srpo/core';
import type { Bundle } from '../bundle/bundle.ts';
import type { Backend, DeviceTensor, HostTensor, Session, Stage } from '../ort/backend.ts';
import { PartCache } from './part-cache.ts';
import { loadPart, type PartWeights } from './weights.ts';

export type Feed = HostTensor | DeviceTensor;

/** The phases of a generation. `denoise` has the modulation tables too. */
export const PHASES = ['text', 'denoise', 'decode'] as const;
export type PhaseName = (typeof PHASES)[number];

export interface LoadedPart {
  phase: PhaseName;
  part: string;
  /** On the device. */
  bytes: number;
}

export interface PhaseHooks {
  signal?: AbortSignal | undefined;
  /** Called before a part runs whose weights were read and uploaded for it. */
  onLoad?: ((loaded: LoadedPart) => void) | undefined;
}

/** One phase of a generation: a stage with the parts that are loaded in it. */
export class Phase {
  readonly bundle: Bundle;
  readonly label: PhaseName;
  readonly #backend: Backend;
  readonly #parts = new PartCache((part, signal) => this.#load(part, signal));
  /** Parts whose load has been told to `onLoad`. */
  readonly #announced = new WeakSet<PartWeights>();
  /** Parts of use `step` that are on the device or on their way. */
  #inTurn = new Set<string>();
  #residency: Residency = 'keep';
  #stage: Promise<Stage> | undefined;
  #hooks: PhaseHooks = {};

  constructor(backend: Backend, bundle: Bundle, label: PhaseName) {
    this.#backend = backend;
    this.bundle = bundle;
    this.label = label;
  }

  get signal(): AbortSignal | undefined {
    return this.#hooks.signal;
  }

  /** Bytes of weights that are on the device now. */
  get loadedBytes(): number {
    return this.#parts.bytes;
  }

  /** Starts the phase for one generation: `residency` and `hooks` hold until the next call. */
  begin(residency: Residency, hooks: PhaseHooks): void {
    this.#residency = residency;
    this.#hooks = hooks;
  }

  /**
   * Runs one part, loading its graph and weights on first use. Cancellation is checked before.
   * @param next the part that runs after this one: its weights are read and uploaded while this one
   *   runs
   * @returns the named outputs, on the device, owned by the caller
   */
  async run<const Output extends string>(
    { name: part, use }: GraphPart,
    feeds: Readonly<Record<string, Feed>>,
    outputs: readonly Output[],
    next?: GraphPart,
  ): Promise<Record<Output, DeviceTensor>> {
    this.signal?.throwIfAborted();
    if (use === 'step' && this.#residency === 'streamed') this.#moveWindow(part, next?.name);
    const weights = await this.#parts.get(part, this.signal);
    if (!this.#announced.has(weights)) {
      this.#announced.add(weights);
      this.#hooks.onLoad?.({ phase: this.label, part, bytes: weights.bytes });
    }
    this.signal?.throwIfAborted();
    if (next !== undefined) this.#parts.prefetch(next.name, this.signal);
    const stage = await this.#open();
    const session = weights.session ?? (await this.#session(part));
    const results = await stage.run(session, { ...weights.feeds, ...feeds }, this.signal);
    if (use === 'once' && this.#residency !== 'keep') this.#parts.drop(part);
    for (const [name, tensor] of Object.entries(results)) {
      if (!outputs.includes(name as Output)) tensor.dispose();
    }
    return results as Record<Output, DeviceTensor>;
  }

  /** Copies `data` to the device once, for an input that many runs read. The caller disposes it. */
  async place(dims: readonly number[], data: Float32Array): Promise<DeviceTensor> {
    const stage = await this.#open();
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return stage.upload('float32', dims, async (write) => write(0, bytes));
  }

  async read(tensor: DeviceTensor): Promise<Float32Array> {
    const stage = await this.#open();
    return stage.read(tensor);
  }

  /** Ends the phase: everything goes, device included, unless residency is `keep`. */
  async end(): Promise<void> {
    if (this.#residency === 'keep') await this.#parts.settle();
    else await this.close();
  }

  /** Frees everything. The phase may be used again; it starts from disk. */
  async close(): Promise<void> {
    this.#inTurn.clear();
    // Loads that are under way come first, because they would open the stage again.
    await this.#parts.clear();
    const stage = this.#stage;
    this.#stage = undefined;
    await (await stage)?.close();
  }

  #open(): Promise<Stage> {
    if (this.#stage === undefined) {
      const opening = this.#backend.openStage(this.label);
      this.#stage = opening;
      opening.catch(() => {
        if (this.#stage === opening) this.#stage = undefined;
      });
    }
    return this.#stage;
  }

  async #session(part: string): Promise<Session> {
    const stage = await this.#open();
    const graph = this.#graphOf(part);
    return stage.session(graph, () => this.#model(graph));
  }

  #model(graph: string): Promise<Uint8Array> {
    return this.bundle.graph(graph, this.#backend.info.precision);
  }

  async #load(part: string, signal: AbortSignal): Promise<PartWeights> {
    const stage = await this.#open();
    const { graph, inputs } = await this.#session(part);
    const weights = await loadPart(stage, this.bundle, part, inputs, signal);
    if (stage.pack === undefined || weights.bytes === 0) return weights;
    try {
      const session = await stage.pack(graph, () => this.#model(graph), weights.feeds);
      return { session, feeds: {}, bytes: session.bytes, dispose: () => session.dispose() };
    } finally {
      weights.dispose();
    }
  }

  /** Frees all parts but these two: nothing reads the others before the next step. */
  #moveWindow(part: string, next: string | undefined): void {
    for (const other of this.#inTurn) if (other !== part && other !== next) this.#parts.drop(other);
    this.#inTurn = new Set(next === undefined ? [part] : [part, next]);
  }

  #graphOf(name: string): string {
    const graph = this.bundle.part(name).graph;
    if (graph !== undefined) return graph;
    throw new ModelError(`part ${name} must name a graph, got none; convert the model again`, {
      code: 'model/manifest-invalid',
      details: { part: name },
    });
  }
}
