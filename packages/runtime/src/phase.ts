import { ModelError } from '@flux-srpo/core';
import type { Bundle } from './bundle/bundle.ts';
import type { Backend, DeviceTensor, HostTensor, Stage } from './ort/backend.ts';
import { loadPart, type PartWeights } from './weights.ts';

export type Feed = HostTensor | DeviceTensor;

/**
 * Whether weights outlive their use. `keep`: everything stays on the device for the next picture. `release`: one thing in
 * memory at a time; a part that is used once goes at once, the others with their phase.
 */
export type Residency = 'keep' | 'release';

export interface PhaseHooks {
  signal?: AbortSignal | undefined;
  /** Called when a part's weights have been read and uploaded. `bytes` are bytes on the device. */
  onLoad?: ((part: string, bytes: number) => void) | undefined;
}

/** One phase of a generation (text, denoise, decode): a stage with the parts that are loaded in it. */
export class Phase {
  readonly bundle: Bundle;
  readonly label: string;
  readonly residency: Residency;
  readonly #backend: Backend;
  readonly #parts = new Map<string, PartWeights>();
  #stage: Stage | undefined;
  #hooks: PhaseHooks = {};

  constructor(backend: Backend, bundle: Bundle, label: string, residency: Residency) {
    this.#backend = backend;
    this.bundle = bundle;
    this.label = label;
    this.residency = residency;
  }

  get signal(): AbortSignal | undefined {
    return this.#hooks.signal;
  }

  /** Starts the phase for one generation: `hooks` hold until the next call. */
  begin(hooks: PhaseHooks): void {
    this.#hooks = hooks;
  }

  /**
   * Runs one part, loading its graph and weights on first use. Cancellation is checked before.
   *
   * @param once the part will not be run again in this generation; its weights go now, unless residency is `keep`
   * @returns the named outputs, on the device, owned by the caller
   */
  async run<const Output extends string>(
    part: string,
    feeds: Readonly<Record<string, Feed>>,
    outputs: readonly Output[],
    { once = false } = {},
  ): Promise<Record<Output, DeviceTensor>> {
    this.signal?.throwIfAborted();
    const stage = await this.#open();
    const graph = this.#graphOf(part);
    const session = await stage.session(graph, () => this.bundle.graph(graph));
    let weights = this.#parts.get(part);
    if (!weights) {
      weights = await loadPart(stage, this.bundle, part, session.inputs, this.signal);
      this.#parts.set(part, weights);
      this.#hooks.onLoad?.(part, weights.bytes);
    }
    const results = await stage.run(session, { ...weights.feeds, ...feeds });
    if (once && this.residency === 'release') this.#drop(part);
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

  /** Ends the phase: in `release` everything goes, device included. */
  async end(): Promise<void> {
    if (this.residency === 'release') await this.close();
  }

  /** Frees everything. The phase may be used again; it starts from disk. */
  async close(): Promise<void> {
    const stage = this.#stage;
    this.#stage = undefined;
    for (const part of [...this.#parts.keys()]) this.#drop(part);
    await stage?.close();
  }

  async #open(): Promise<Stage> {
    this.#stage ??= await this.#backend.openStage(this.label);
    return this.#stage;
  }

  #graphOf(name: string): string {
    const graph = this.bundle.part(name).graph;
    if (graph !== undefined) return graph;
    throw new ModelError(`part ${name} must name a graph, got none`, {
      code: 'model/manifest-invalid',
      details: { part: name },
    });
  }

  #drop(part: string): void {
    this.#parts.get(part)?.dispose();
    this.#parts.delete(part);
  }
}

/** Device tensors by role, so that each new one replaces the last and an error or a cancel frees them all. */
export class TensorScope {
  readonly #held = new Map<string, DeviceTensor>();

  /** Holds `tensor` as `role`, disposing what held that role before. */
  replace(role: string, tensor: DeviceTensor): DeviceTensor {
    const previous = this.#held.get(role);
    if (previous !== tensor) previous?.dispose();
    this.#held.set(role, tensor);
    return tensor;
  }

  /** Gives up `role` without freeing it: somebody else holds the tensor now. */
  forget(role: string): void {
    this.#held.delete(role);
  }

  release(): void {
    for (const tensor of this.#held.values()) tensor.dispose();
    this.#held.clear();
  }
}
