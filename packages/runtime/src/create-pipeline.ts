import { adapterIdentity, isFluxError, type MemoryPlan, PARTS } from '@flux-srpo/core';
import type { Bundle } from './bundle/bundle.ts';
import { assertGoesOn } from './generation/checkpoint.ts';
import type { GenerateOptions, GenerateResult } from './generation/contract.ts';
import { findMemoryTarget, type MemoryTarget } from './generation/memory-target.ts';
import { Phases } from './generation/phases.ts';
import { requestPlanner } from './generation/request-planner.ts';
import type { Backend } from './ort/backend.ts';
import { generatePictures, type PipelineState } from './pipeline.ts';
import { checkPipelineOptions, type PipelineOptions } from './pipeline-options.ts';
import { type GenerateRequest, type ResolvedRequest, resolveRequest } from './request.ts';
import { SafetyGuard } from './safety/safety-guard.ts';
import { PromptEncoder } from './text/prompt-encoder.ts';
import { loadTokenizers, type Tokenizers } from './text/tokenizers.ts';

export async function createPipeline(options: PipelineOptions): Promise<Pipeline> {
  checkPipelineOptions(options);
  const { bundle, backend, memoryBudget, memoryTarget } = options;
  const tokenizers = await loadTokenizers(bundle);
  const isBounded = memoryBudget !== undefined || memoryTarget !== undefined;
  return new Pipeline(options, tokenizers, isBounded ? undefined : await findMemoryTarget(backend, bundle));
}

/** One bundle on one backend. A call that is made while another runs is refused. */
export class Pipeline {
  readonly bundle: Bundle;
  readonly backend: Backend;
  #plan: (request: ResolvedRequest) => MemoryPlan;
  readonly #keepsWeights: boolean | undefined;
  /** What was tried. Absent where the caller has set a bound. */
  readonly #tried: MemoryTarget | undefined;
  readonly #state: PipelineState;
  readonly #guard: SafetyGuard;
  #running: Promise<unknown> | undefined;

  constructor({ bundle, backend, ...memory }: PipelineOptions, tokenizers: Tokenizers, tried?: MemoryTarget) {
    this.bundle = bundle;
    this.backend = backend;
    this.#tried = tried;
    this.#keepsWeights = memory.keepsWeights;
    this.#plan = requestPlanner(backend, bundle, { ...memory, ...(tried && { memoryTarget: tried.bytes }) });
    const phases = new Phases(backend, bundle);
    this.#state = { bundle, ledger: backend.ledger, phases, prompts: new PromptEncoder(bundle, tokenizers) };
    this.#guard = new SafetyGuard(backend, bundle);
  }

  /**
   * Pipelines of one fingerprint compute the same latents, to the bit, from the same request. The
   * pixels too where their plans decode in the same tiles (`decodeTile`).
   */
  get fingerprint(): string {
    const { name, info } = this.backend;
    const { precision, runtimeVersion, adapter, selfTest, shaderFix } = info;
    const gpu = adapter && adapterIdentity(adapter);
    return JSON.stringify([this.bundle.identity, name, runtimeVersion, precision, gpu, selfTest?.rung, shaderFix]);
  }

  /** The memory a request would take, and why it would be refused. Loads nothing. */
  plan(request: GenerateRequest): MemoryPlan {
    return this.#plan(resolveRequest(request, this.bundle.manifest));
  }

  generate(request: GenerateRequest, options: GenerateOptions = {}): Promise<GenerateResult> {
    return this.#alone(async () => {
      options.signal?.throwIfAborted();
      const resolved = resolveRequest(request, this.bundle.manifest);
      const plan = this.#plan(resolved);
      if (options.from) assertGoesOn(options.from, resolved, this.bundle.manifest.config.transformer);
      const generate = (own: GenerateOptions) =>
        generatePictures(this.#state, resolved, plan, own).catch((error) => this.#planForLess(error));
      if (!resolved.enableSafetyChecker) return generate(options);
      try {
        return await this.#guard.generate(options, generate);
      } finally {
        if (!plan.keep) await this.#guard.close();
      }
    });
  }

  /** Loads the code that a generation needs, so that none is fetched later. */
  prepare(): Promise<void> {
    return this.#alone(async () => {
      const stage = await this.backend.openStage('prepare');
      // The smallest graph that is in every bundle.
      const { graph } = PARTS.clipFinal;
      await stage.session(graph, () => this.bundle.graph(graph)).finally(() => stage.close());
      await this.#guard.prepare();
    });
  }

  /** Frees all weights; the next generation loads them again. */
  unload(): Promise<void> {
    return this.#alone(async () => {
      await this.#state.phases.close().finally(() => this.#guard.close());
    });
  }

  /** Frees everything once what runs has ended. A failure is told after the rest was closed. */
  async dispose(): Promise<void> {
    await this.#running?.catch(() => undefined);
    await this.unload()
      .finally(() => this.backend.dispose())
      .finally(() => this.bundle.close());
  }

  /** Where a device gave less than in the trial, this session and later ones plan for less. */
  async #planForLess(error: unknown): Promise<never> {
    if (isFluxError(error, 'device/out-of-memory') && this.#tried?.bytes !== undefined) {
      this.#plan = requestPlanner(this.backend, this.bundle, { keepsWeights: this.#keepsWeights });
      await this.#tried.refuse();
    }
    throw error;
  }

  /** Two calls would share weights and devices. Taking turns is up to the caller. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running) throw new Error('a pipeline does one thing at a time: await the call before this one');
    const running = work();
    this.#running = running;
    try {
      return await running;
    } finally {
      this.#running = undefined;
    }
  }
}
