import { type MemoryPlan, type Residency, residencyOf } from '@flux-srpo/core';
import type { Bundle } from '../bundle/bundle.ts';
import type { Backend } from '../ort/backend.ts';
import { PHASES, Phase, type PhaseHooks, type PhaseName } from '../parts/phase.ts';
import { TensorScope } from '../parts/tensor-scope.ts';

/** The three phases of a pipeline, each with a stage and weights of its own. */
export class Phases {
  readonly #phases: Readonly<Record<PhaseName, Phase>>;
  #residency: Readonly<Record<PhaseName, Residency>> = { text: 'keep', denoise: 'keep', decode: 'keep' };

  constructor(backend: Backend, bundle: Bundle) {
    const phase = (label: PhaseName): Phase => new Phase(backend, bundle, label);
    this.#phases = { text: phase('text'), denoise: phase('denoise'), decode: phase('decode') };
  }

  /** Makes room for a generation: from here on, phases hold their weights as the plan says. */
  async applyPlan(plan: MemoryPlan): Promise<void> {
    const denoise = residencyOf(plan);
    if (denoise === 'keep') {
      this.#residency = { text: 'keep', denoise: 'keep', decode: 'keep' };
      return;
    }
    // A smaller picture before this one may have left its weights.
    await this.close();
    this.#residency = { text: 'release', denoise, decode: 'release' };
  }

  /** Bytes of weights that are on the device now, in these phases. */
  loadedBytes(names: readonly PhaseName[]): number {
    return names.reduce((sum, name) => sum + this.#phases[name].loadedBytes, 0);
  }

  /** Does `work` in a phase, then releases `scope`, and weights that are not kept. */
  async use<T>(name: PhaseName, hooks: PhaseHooks, work: (phase: Phase, scope: TensorScope) => Promise<T>): Promise<T> {
    const phase = this.#phases[name];
    const scope = new TensorScope();
    try {
      phase.begin(this.#residency[name], hooks);
      return await work(phase, scope);
    } finally {
      scope.release();
      await phase.end();
    }
  }

  /** Frees all weights. */
  async close(): Promise<void> {
    const closed = await Promise.allSettled(PHASES.map((name) => this.#phases[name].close()));
    for (const each of closed) if (each.status === 'rejected') throw each.reason;
  }
}
