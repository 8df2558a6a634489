import { latentGrid, type MemoryPlan, type PlanPhase, type Progress, tokenCount } from '@flux-srpo/core';
import type { ResolvedRequest } from '../request.ts';

/** Reading a part's weights and uploading them takes about as long as running the part on this many tokens. A guess between machines. */
const LOAD_TOKENS = 1024;

/** The decoder's weights are convolutions, which run on more and more pixels; on average on this many per latent. */
const PIXELS_PER_WEIGHT = 4;

const LOAD_TEXTS = {
  text: 'Loading the text encoders',
  denoise: 'Loading the denoiser',
  decode: 'Loading the decoder',
} as const;

export interface ProgressOptions {
  onProgress: ((progress: Progress) => void) | undefined;
  request: ResolvedRequest;
  plan: MemoryPlan;
  /** Whether the prompt's embeddings are remembered: then no text encoder runs. */
  isPromptKnown: boolean;
  /** Bytes of weights that are on the device already, and count as done. */
  loadedBytes: number;
  /** Bytes on disk of every part that runs, by name. */
  diskBytes: ReadonlyMap<string, number>;
  /** What runs: layers of the text encoders, modulation parts, blocks of a step, graphs of the decoder for all pictures and tiles. */
  counts: { text: number; modulation: number; blocks: number; decode: number };
}

/**
 * Tells how far one generation is. Work is estimated as weights times the tokens that they run on, and that of loading them.
 */
export class GenerationProgress {
  readonly #options: ProgressOptions;
  readonly #work: Record<PlanPhase, number>;
  /** Of each phase's work, 0 … 1. */
  readonly #done: Record<PlanPhase, number> = { text: 0, modulation: 0, denoise: 0, decode: 0 };
  /** Bytes on the device that are yet to be loaded. */
  #missingBytes: number;
  readonly #total: number;
  #fraction = 0;
  readonly #loadedParts = new Set<string>();
  #loadedDiskBytes = 0;
  #encoded: number;
  #decoded = 0;

  constructor(options: ProgressOptions) {
    const { request, plan, isPromptKnown, loadedBytes, counts } = options;
    const { size, n, steps, maxSequenceLength } = request;
    const weights = (phase: PlanPhase): number =>
      phase === 'text' && isPromptKnown ? 0 : plan.phases[phase].totalWeights;
    const { height, width } = latentGrid(size);
    this.#options = options;
    this.#work = {
      text: weights('text') * maxSequenceLength,
      modulation: weights('modulation') * steps,
      denoise: weights('denoise') * (maxSequenceLength + tokenCount(size)) * n * steps,
      decode: weights('decode') * height * width * PIXELS_PER_WEIGHT * n,
    };
    const allBytes = weights('text') + weights('modulation') + weights('denoise') + weights('decode');
    this.#missingBytes = Math.max(0, allBytes - loadedBytes);
    this.#total = this.#remaining();
    this.#encoded = isPromptKnown ? counts.text : 0;
  }

  /** The weights of a part are on the device. Those of a part that is streamed are told once. */
  loaded(phase: keyof typeof LOAD_TEXTS, part: string, bytes: number): void {
    if (this.#loadedParts.has(part)) return;
    this.#loadedParts.add(part);
    const { diskBytes } = this.#options;
    this.#loadedDiskBytes += diskBytes.get(part) ?? 0;
    this.#missingBytes = Math.max(0, this.#missingBytes - bytes);
    const total = [...diskBytes.values()].reduce((sum, size) => sum + size, 0);
    this.#tell({ stage: 'load', loaded: this.#loadedDiskBytes, total, part, text: LOAD_TEXTS[phase] });
  }

  /** A layer of the text encoders has run. */
  readonly encoded = (): void => this.#tellEncoded('Encoding the prompt');

  /** A part that makes modulation tables has run. */
  readonly modulated = (): void => this.#tellEncoded('Preparing the steps');

  /** `block` blocks of a step have run, for all pictures. */
  denoised(step: number, block: number, sigma: number): void {
    const { request, counts } = this.#options;
    const { steps } = request;
    const { blocks } = counts;
    this.#done.denoise = (step + block / blocks) / steps;
    const text = `Denoising, step ${step + 1} of ${steps}`;
    this.#tell({ stage: 'denoise', step, steps, block, blocks, sigma, text });
  }

  /** A graph of the decoder has run. */
  readonly decoded = (): void => {
    const { request, counts } = this.#options;
    const total = counts.decode;
    const done = ++this.#decoded;
    this.#done.decode = done / total;
    // What was planned is a little more than what was loaded.
    if (done === total) this.#missingBytes = 0;
    const text = request.n === 1 ? 'Decoding the picture' : 'Decoding the pictures';
    this.#tell({ stage: 'decode', done, total, text });
  };

  #tellEncoded(text: string): void {
    const { text: layers, modulation } = this.#options.counts;
    const done = ++this.#encoded;
    this.#done.text = Math.min(1, done / layers);
    this.#done.modulation = Math.max(0, (done - layers) / modulation);
    this.#tell({ stage: 'encode', done, total: layers + modulation, text });
  }

  #remaining(): number {
    const phases = Object.keys(this.#work) as PlanPhase[];
    const toRun = phases.reduce((sum, phase) => sum + this.#work[phase] * (1 - this.#done[phase]), 0);
    return toRun + this.#missingBytes * LOAD_TOKENS;
  }

  #tell(event: WithoutFraction<Progress>): void {
    this.#fraction = Math.max(this.#fraction, 1 - this.#remaining() / this.#total);
    this.#options.onProgress?.({ ...event, fraction: this.#fraction });
  }
}

type WithoutFraction<Event> = Event extends unknown ? Omit<Event, 'fraction'> : never;
