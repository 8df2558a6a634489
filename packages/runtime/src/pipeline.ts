import {
  assertPlanned,
  checkPicture,
  eulerStep,
  FLUX_PREVIEW,
  fluxNoise,
  fluxSigmas,
  InputError,
  latentGrid,
  type Manifest,
  type MemoryPlan,
  PARTS,
  type PartSize,
  type Precision,
  type PreviewFactors,
  type Progress,
  partSizes,
  planGeneration,
  predictX0,
  previewRgba,
  tokenCount,
  toRgb8,
} from '@flux-srpo/core';
import type { Bundle } from './bundle/bundle.ts';
import { decodeLatents, decodeStages } from './decode/vae.ts';
import { modulationPartCount, modulationTables } from './denoise/conditioning.ts';
import { cacheThreshold, StepCache } from './denoise/step-cache.ts';
import { blockCount, condition, predictVelocity } from './denoise/transformer.ts';
import { GenerationProgress } from './generation/progress.ts';
import type { Backend } from './ort/backend.ts';
import type { LedgerSnapshot } from './ort/ledger.ts';
import { Phase, type PhaseHooks, type Residency, TensorScope } from './phase.ts';
import { type GenerateRequest, type ResolvedRequest, resolveRequest } from './request.ts';
import { SafetyGuard, withheld } from './safety/safety-guard.ts';
import { encodeClip } from './text/clip.ts';
import { encodeT5 } from './text/t5.ts';
import { loadTokenizers, type Tokenizers } from './text/tokenize.ts';

export interface PipelineOptions {
  /** Like the backend, the pipeline's own from here on: `dispose()` closes both. */
  bundle: Bundle;
  backend: Backend;
  /**
   * Bytes of device memory to stay within, weights and work buffers together: as much as fits is kept, the rest is read again when it is
   * needed, and pictures are decoded in tiles where they must be ({@link Pipeline.plan}). What does not fit even so is refused. Without a
   * budget, `DEFAULT_MEMORY_BUDGET` bytes are planned for, and nothing is refused for want of memory.
   */
  memoryBudget?: number | undefined;
  /** As it was asked of the backend: `f16` is refused for a bundle without graphs in half precision, where `auto` runs the others. */
  precision?: 'auto' | Precision | undefined;
}

/** A small picture of what is being drawn: one pixel per latent cell. */
export interface Preview {
  image: number;
  step: number;
  width: number;
  height: number;
  rgba: Uint8ClampedArray<ArrayBuffer>;
}

export interface GenerateOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
  onPreview?: ((preview: Preview) => void) | undefined;
  /**
   * Sees every number on the way: `prompt_embeds` [1, S_txt, D], `pooled_prompt_embeds` [1, D], `sigmas` [steps + 1], `noise` [n, S_img, 64],
   * `latents_001` … [n, S_img, 64] after each step, `decoded` [n, 3, H, W] before clamping. The arrays must not be changed.
   */
  onTensor?: ((name: string, shape: readonly number[], data: Float32Array) => void) | undefined;
}

export interface GeneratedImage {
  width: number;
  height: number;
  /** [H, W, 3] */
  rgb: Uint8Array;
}

/** Milliseconds. */
export interface Timings {
  encode: number;
  prepare: number;
  denoise: number;
  decode: number;
  total: number;
  steps: number[];
}

export interface GenerateResult {
  /** A withheld picture is black. */
  images: GeneratedImage[];
  /** One per picture, where the safety checker was asked for: true for those that were withheld. */
  flagged?: boolean[];
  /** The request with every default filled in, the seed included. */
  request: ResolvedRequest;
  seed: number;
  timings: Timings;
  /** What the backend held at the end, and at its peak during this generation. */
  memory: LedgerSnapshot;
  /** What was planned for it. */
  plan: MemoryPlan;
  /** Steps that `acceleration` skipped. */
  skippedSteps: number;
  /** Prompt tokens that did not fit, by encoder. */
  dropped: { clip: number; t5: number };
}

export interface Pipeline {
  readonly bundle: Bundle;
  readonly backend: Backend;
  /** What a request would take on the device, how its weights would be held, and why it would be refused. Loads nothing. */
  plan(request: GenerateRequest): MemoryPlan;
  /** One at a time; further calls wait their turn. */
  generate(request: GenerateRequest, options?: GenerateOptions): Promise<GenerateResult>;
  /**
   * Loads the code that a generation needs besides the bundle's files, the runtime's WebAssembly above all, so that none is fetched later.
   */
  prepare(): Promise<void>;
  /** Frees all weights; the next generation loads them again. */
  unload(): Promise<void>;
  dispose(): Promise<void>;
}

interface PromptEmbedding {
  /** [S_txt, D] */
  promptEmbeds: Float32Array;
  /** [D_clip] */
  pooled: Float32Array;
  dropped: { clip: number; t5: number };
}

/** Prompts whose embeddings are remembered; each is up to 8 MB, and people go back and forth between few. */
const REMEMBERED_PROMPTS = 4;

export async function createPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { memoryBudget, precision, bundle } = options;
  if (memoryBudget !== undefined && !(memoryBudget > 0)) {
    throw new InputError(`memoryBudget must be a number of bytes above 0, got ${memoryBudget}`, {
      code: 'input/out-of-range',
      details: { field: 'memoryBudget' },
    });
  }
  if (precision === 'f16' && bundle.manifest.graphs_f16 === undefined) {
    throw new InputError(
      `precision "f16" needs a bundle with graphs in half precision, got ${bundle.name} without; convert it again, or ask for "auto"`,
      { code: 'input/conflict', details: { field: 'precision' } },
    );
  }
  return new FluxPipeline(options, await loadTokenizers(bundle));
}

class FluxPipeline implements Pipeline {
  readonly bundle: Bundle;
  readonly backend: Backend;
  readonly #tokenizers: Tokenizers;
  readonly #text: Phase;
  readonly #denoise: Phase;
  readonly #decode: Phase;
  readonly #guard: SafetyGuard;
  /** Bytes on disk of each part that runs, by name. */
  readonly #sizes: ReadonlyMap<string, number>;
  readonly #memoryBudget: number | undefined;
  readonly #partSizes: readonly PartSize[];
  /** Whether blocks run in half precision. */
  readonly #isHalf: boolean;
  readonly #prompts = new Map<string, PromptEmbedding>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ bundle, backend, memoryBudget }: PipelineOptions, tokenizers: Tokenizers) {
    this.bundle = bundle;
    this.backend = backend;
    this.#tokenizers = tokenizers;
    this.#sizes = weightSizes(bundle.manifest);
    this.#memoryBudget = memoryBudget;
    this.#isHalf = backend.info.precision === 'f16' && bundle.manifest.graphs_f16 !== undefined;
    this.#partSizes = partSizes(bundle.manifest, this.#isHalf);
    this.#text = new Phase(backend, bundle, 'text');
    this.#denoise = new Phase(backend, bundle, 'denoise');
    this.#decode = new Phase(backend, bundle, 'decode');
    this.#guard = new SafetyGuard(backend, bundle);
  }

  plan(request: GenerateRequest): MemoryPlan {
    return this.#plan(resolveRequest(request, this.bundle.manifest));
  }

  generate(request: GenerateRequest, options: GenerateOptions = {}): Promise<GenerateResult> {
    return this.#inTurn(() => {
      options.signal?.throwIfAborted();
      const resolved = resolveRequest(request, this.bundle.manifest);
      return resolved.enableSafetyChecker
        ? this.#generateChecked(resolved, options)
        : this.#generate(resolved, options);
    });
  }

  prepare(): Promise<void> {
    return this.#inTurn(async () => {
      // The smallest graph there is in every bundle.
      const stage = await this.backend.openStage('prepare');
      try {
        const { graph } = PARTS.clipFinal;
        await stage.session(graph, () => this.bundle.graph(graph));
      } finally {
        await stage.close();
      }
      if (this.bundle.manifest.safety_checker !== undefined) await import('./safety/classifier.ts');
    });
  }

  unload(): Promise<void> {
    return this.#inTurn(async () => {
      for (const each of [this.#text, this.#denoise, this.#decode, this.#guard]) await each.close();
    });
  }

  async dispose(): Promise<void> {
    await this.unload();
    await this.backend.dispose();
    await this.bundle.close();
  }

  /** Nothing shows a picture before it was checked: neither previews nor tensors, and no error does. */
  async #generateChecked(request: ResolvedRequest, options: GenerateOptions): Promise<GenerateResult> {
    if (options.onTensor) {
      throw new InputError('onTensor and enableSafetyChecker exclude each other, got both: tensors are not checked', {
        code: 'input/conflict',
        details: { field: 'enable_safety_checker' },
      });
    }
    const started = performance.now();
    try {
      await this.#guard.load();
      const result = await this.#generate(request, { ...options, onPreview: undefined });
      const flagged: boolean[] = [];
      for (const image of result.images) {
        options.signal?.throwIfAborted();
        flagged.push(await this.#guard.isFlagged(image));
      }
      const images = result.images.map((image, i) => (flagged[i] ? withheld(image) : image));
      const timings = { ...result.timings, total: performance.now() - started };
      return { ...result, images, flagged, timings };
    } finally {
      if (!this.#plan(request).keep) await this.#guard.close();
    }
  }

  async #generate(request: ResolvedRequest, options: GenerateOptions): Promise<GenerateResult> {
    const { config } = this.bundle.manifest;
    const { size, steps, n, seed } = request;
    const { onProgress, onTensor, signal } = options;
    const clock = new Clock();
    const plan = this.#plan(request);
    assertPlanned(plan, size);
    const residency = await this.#adopt(plan);
    this.backend.ledger.resetPeaks();
    const progress = this.#progress(request, plan, onProgress);

    // 1. Encode the prompt
    const { promptEmbeds, pooled, dropped } = await this.#encodePrompt(
      request,
      residency.text,
      this.#hooks('text', signal, progress),
      progress,
    );
    onTensor?.('prompt_embeds', [1, request.maxSequenceLength, config.text_encoder_2.d_model], promptEmbeds);
    onTensor?.('pooled_prompt_embeds', [1, config.text_encoder.hidden_size], pooled);
    clock.lap('encode');

    // 2. Prepare the noise, the schedule and everything that depends on the timestep alone
    const tokens = tokenCount(size);
    const sigmas = fluxSigmas(steps, tokens, config.scheduler);
    const noise = fluxNoise(seed, n, latentGrid(size));
    onTensor?.('sigmas', [steps + 1], sigmas);
    onTensor?.('noise', [n, tokens, config.transformer.in_channels], noise);
    let latents = split(noise, n);
    const threshold = cacheThreshold(request.acceleration, this.bundle.manifest.step_cache);
    const cache = threshold === undefined ? undefined : new StepCache(threshold);
    const scope = new TensorScope();
    try {
      this.#denoise.begin(residency.denoise, this.#hooks('denoise', signal, progress));
      const modulation = await modulationTables(
        this.#denoise,
        config.transformer,
        sigmas.subarray(0, steps),
        request.guidance,
        pooled,
        progress.modulated,
      );
      const conditioned = await condition(this.#denoise, config.transformer, scope, { size, promptEmbeds, modulation });
      clock.lap('prepare');

      // 3. Denoise
      for (let step = 0; step < steps; step++) {
        const [sigma, sigmaNext] = [sigmas[step] as number, sigmas[step + 1] as number];
        const velocities = await predictVelocity(
          this.#denoise,
          config.transformer,
          conditioned,
          latents,
          step,
          cache,
          (block) => progress.denoised(step, block + 1, sigma),
        );
        this.#preview(options, request, step, latents, velocities, sigma);
        latents = latents.map((x, i) => eulerStep(x, velocities[i] as Float32Array, sigma, sigmaNext));
        onTensor?.(latentsName(step), [n, tokens, config.transformer.in_channels], concat(latents));
        clock.step();
      }
      clock.lap('denoise');
    } finally {
      cache?.release();
      scope.release();
      await this.#denoise.end();
    }

    // 4. Decode
    const decoded: Float32Array[] = [];
    try {
      this.#decode.begin(residency.decode, this.#hooks('decode', signal, progress));
      for (const image of latents) {
        decoded.push(await decodeLatents(this.#decode, config.vae, image, size, plan.decodeTile, progress.decoded));
      }
    } finally {
      await this.#decode.end();
    }
    onTensor?.('decoded', [n, 3, size.height, size.width], concat(decoded));
    signal?.throwIfAborted();
    const images = decoded.map((planar) => {
      checkPicture(planar);
      return { ...size, rgb: toRgb8(planar, size) };
    });
    clock.lap('decode');
    const memory = this.backend.ledger.snapshot();
    return {
      images,
      request,
      seed,
      timings: clock.timings(),
      memory,
      plan,
      skippedSteps: cache?.skipped ?? 0,
      dropped,
    };
  }

  async #encodePrompt(
    request: ResolvedRequest,
    residency: Residency,
    hooks: PhaseHooks,
    { encoded }: GenerationProgress,
  ): Promise<PromptEmbedding> {
    const key = promptKey(request);
    const known = this.#prompts.get(key);
    if (known) return known;
    const { config, tokenizers } = this.bundle.manifest;
    const clip = this.#tokenizers.clip.tokenize(request.prompt, tokenizers.tokenizer.max_length);
    const t5 = this.#tokenizers.t5.tokenize(request.prompt, request.maxSequenceLength);
    try {
      this.#text.begin(residency, hooks);
      const pooled = await encodeClip(this.#text, config.text_encoder, clip.ids, encoded);
      const promptEmbeds = await encodeT5(this.#text, config.text_encoder_2, t5.ids, encoded);
      const embedding = { promptEmbeds, pooled, dropped: { clip: clip.dropped, t5: t5.dropped } };
      this.#remember(key, embedding);
      return embedding;
    } finally {
      await this.#text.end();
    }
  }

  #remember(key: string, embedding: PromptEmbedding): void {
    const oldest = this.#prompts.keys().next();
    if (this.#prompts.size >= REMEMBERED_PROMPTS && !oldest.done) this.#prompts.delete(oldest.value);
    this.#prompts.set(key, embedding);
  }

  #preview(
    { onPreview }: GenerateOptions,
    { size }: ResolvedRequest,
    step: number,
    latents: readonly Float32Array[],
    velocities: readonly Float32Array[],
    sigma: number,
  ): void {
    if (!onPreview) return;
    const factors: PreviewFactors = this.bundle.manifest.preview ?? FLUX_PREVIEW;
    const grid = latentGrid(size);
    for (const [image, x] of latents.entries()) {
      const rgba = previewRgba(predictX0(x, velocities[image] as Float32Array, sigma), grid, factors);
      onPreview({ image, step, ...grid, rgba });
    }
  }

  #progress(request: ResolvedRequest, plan: MemoryPlan, onProgress: GenerateOptions['onProgress']): GenerationProgress {
    const { text_encoder, text_encoder_2, transformer, vae } = this.bundle.manifest.config;
    const isPromptKnown = this.#prompts.has(promptKey(request));
    const phases = [...(isPromptKnown ? [] : [this.#text]), this.#denoise, this.#decode];
    return new GenerationProgress({
      onProgress,
      request,
      plan,
      isPromptKnown,
      loadedBytes: phases.reduce((sum, phase) => sum + phase.loadedBytes, 0),
      diskBytes: this.#sizes,
      counts: {
        text: text_encoder.num_hidden_layers + text_encoder_2.num_layers,
        modulation: modulationPartCount(transformer),
        blocks: blockCount(transformer),
        decode: request.n * decodeStages(vae, request.size, plan.decodeTile),
      },
    });
  }

  #plan({ size, n, steps, maxSequenceLength }: ResolvedRequest): MemoryPlan {
    const { config } = this.bundle.manifest;
    return planGeneration({
      config,
      parts: this.#partSizes,
      f16: this.#isHalf,
      size,
      textTokens: maxSequenceLength,
      n,
      steps,
      budget: this.#memoryBudget,
      limits: this.backend.info.adapter?.limits,
    });
  }

  /** Makes room for a generation, and says how each phase is to hold its weights. */
  async #adopt({ keep, phases }: MemoryPlan): Promise<Record<'text' | 'denoise' | 'decode', Residency>> {
    if (keep) return { text: 'keep', denoise: 'keep', decode: 'keep' };
    // A smaller picture before this one may have left its weights.
    for (const phase of [this.#text, this.#denoise, this.#decode]) await phase.close();
    const denoise = phases.denoise.mode === 'streamed' ? 'streamed' : 'release';
    return { text: 'release', denoise, decode: 'release' };
  }

  #hooks(
    phase: 'text' | 'denoise' | 'decode',
    signal: AbortSignal | undefined,
    progress: GenerationProgress,
  ): PhaseHooks {
    return { signal, onLoad: (part, bytes) => progress.loaded(phase, part, bytes) };
  }

  #inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

/** Bytes on disk of every part that runs (embedding tables are read by row, never loaded). */
function weightSizes(manifest: Manifest): Map<string, number> {
  const fileSizes = new Map(manifest.files.map((file) => [file.path, file.size]));
  return new Map(
    manifest.parts
      .filter((part) => part.graph !== undefined && part.weights !== undefined)
      .map((part) => [part.name, fileSizes.get(part.weights as string) ?? 0]),
  );
}

function promptKey({ prompt, maxSequenceLength }: ResolvedRequest): string {
  return JSON.stringify([prompt, maxSequenceLength]);
}

/** `latents_001` for the latents after the first step. */
function latentsName(step: number): string {
  return `latents_${String(step + 1).padStart(3, '0')}`;
}

function split(data: Float32Array, count: number): Float32Array[] {
  const length = data.length / count;
  return Array.from({ length: count }, (_, i) => data.slice(i * length, (i + 1) * length));
}

function concat(arrays: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    out.set(array, at);
    at += array.length;
  }
  return out;
}

class Clock {
  readonly #start = performance.now();
  #last = this.#start;
  #stepStart = this.#start;
  readonly #laps = { encode: 0, prepare: 0, denoise: 0, decode: 0 };
  readonly #steps: number[] = [];

  /** Ends phase `name` now. */
  lap(name: 'encode' | 'prepare' | 'denoise' | 'decode'): void {
    const now = performance.now();
    this.#laps[name] = now - this.#last;
    this.#last = now;
    this.#stepStart = now;
  }

  step(): void {
    const now = performance.now();
    this.#steps.push(now - this.#stepStart);
    this.#stepStart = now;
  }

  timings(): Timings {
    return { ...this.#laps, total: performance.now() - this.#start, steps: this.#steps };
  }
}
