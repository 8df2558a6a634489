import { latentGrid, type Manifest, type MemoryPlan, type PlanPhase, type Progress, tokenCount } from '@flux-srpo/core';
import { decodeStages } from '../decode/decode-latents.ts';
import { modulationPartCount } from '../denoise/modulation.ts';
import { blockCount } from '../denoise/predict-velocity.ts';
import { type LoadedPart, PHASES } from '../parts/phase.ts';
import type { ResolvedRequest } from '../request.ts';
import type { Phases } from './phases.ts';

/** Loading a part takes about as long as running it on this many tokens. A guess. */
const LOAD_TOKENS = 1024;

/** The decoder's convolutions run on this many pixels per latent, on average. */
const PIXELS_PER_WEIGHT = 4;

const LOAD_TEXTS: Readonly<Record<LoadedPart['phase'], string>> = {
  text: 'Loading the text encoders',
  denoise: 'Loading the denoiser',
  decode: 'Loading the decoder',
};

export interface ProgressOptions {
  onProgress: ((progress: Progress) => void) | undefined;
  manifest: Manifest;
  request: ResolvedRequest;
  plan: MemoryPlan;
  /** Whether the prompt's embeddings are there already: then no text encoder runs. */
  isPromptKnown: boolean;
  /** Steps that are done already. */
  firstStep: number;
  /** Weights that they hold already count as done. */
  phases: Phases;
}

/** Tells how far a generation is. Work is estimated: weights times tokens, and loading. */
export class GenerationProgress {
  readonly #options: ProgressOptions;
  readonly #counts: Counts;
  readonly #diskBytes: ReadonlyMap<string, number>;
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
    const { manifest, request, plan, phases, isPromptKnown, firstStep } = options;
    const { size, n, steps, maxSequenceLength } = request;
    const hasSteps = firstStep < steps;
    const runs = { text: !isPromptKnown, modulation: hasSteps, denoise: hasSteps, decode: true };
    const weights = (phase: PlanPhase): number => (runs[phase] ? plan.phases[phase].totalWeights : 0);
    const { height, width } = latentGrid(size);
    this.#options = options;
    this.#counts = countRuns(options);
    this.#diskBytes = weightSizes(manifest);
    this.#work = {
      text: weights('text') * maxSequenceLength,
      modulation: weights('modulation') * steps,
      denoise: weights('denoise') * (maxSequenceLength + tokenCount(size)) * n * steps,
      decode: weights('decode') * height * width * PIXELS_PER_WEIGHT * n,
    };
    const allBytes = weights('text') + weights('modulation') + weights('denoise') + weights('decode');
    this.#missingBytes = Math.max(0, allBytes - phases.loadedBytes(PHASES.filter((phase) => runs[phase])));
    this.#done.denoise = firstStep / steps;
    this.#total = this.#remaining();
    this.#encoded = isPromptKnown ? this.#counts.text : 0;
  }

  /** The weights of a part are on the device. Those of a part that is streamed are told once. */
  readonly onLoaded = ({ phase, part, bytes }: LoadedPart): void => {
    if (this.#loadedParts.has(part)) return;
    this.#loadedParts.add(part);
    this.#loadedDiskBytes += this.#diskBytes.get(part) ?? 0;
    this.#missingBytes = Math.max(0, this.#missingBytes - bytes);
    const total = [...this.#diskBytes.values()].reduce((sum, size) => sum + size, 0);
    this.#tell({ stage: 'load', loaded: this.#loadedDiskBytes, total, part, text: LOAD_TEXTS[phase] });
  };

  /** A layer of the text encoders has run. */
  readonly onEncoded = (): void => this.#tellEncoded('Encoding the prompt');

  /** A part that makes modulation tables has run. */
  readonly onModulated = (): void => this.#tellEncoded('Preparing the steps');

  /** `block` blocks of a step have run, for all pictures. */
  onDenoised(step: number, block: number, sigma: number): void {
    const { steps } = this.#options.request;
    const { blocks } = this.#counts;
    this.#done.denoise = (step + block / blocks) / steps;
    const text = `Denoising, step ${step + 1} of ${steps}`;
    this.#tell({ stage: 'denoise', step, steps, block, blocks, sigma, text });
  }

  /** A graph of the decoder has run. */
  readonly onDecoded = (): void => {
    const total = this.#counts.decode;
    const done = ++this.#decoded;
    this.#done.decode = done / total;
    // What was planned is a little more than what was loaded.
    if (done === total) this.#missingBytes = 0;
    const text = this.#options.request.n === 1 ? 'Decoding the picture' : 'Decoding the pictures';
    this.#tell({ stage: 'decode', done, total, text });
  };

  #tellEncoded(text: string): void {
    const { text: layers, modulation } = this.#counts;
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

/** Runs that are told one by one. */
interface Counts {
  /** Layers of both text encoders. */
  text: number;
  /** Parts that make modulation tables. */
  modulation: number;
  /** Of one step. */
  blocks: number;
  /** Graphs of the decoder, for all pictures and tiles. */
  decode: number;
}

function countRuns({ manifest, request, plan }: ProgressOptions): Counts {
  const { text_encoder, text_encoder_2, transformer, vae } = manifest.config;
  return {
    text: text_encoder.num_hidden_layers + text_encoder_2.num_layers,
    modulation: modulationPartCount(transformer),
    blocks: blockCount(transformer),
    decode: request.n * decodeStages(vae, request.size, plan.decodeTile),
  };
}

/** Bytes on disk of every part that runs. Embedding tables are read by row, never loaded. */
function weightSizes({ files, parts }: Manifest): Map<string, number> {
  const fileSizes = new Map(files.map((file) => [file.path, file.size]));
  const loaded = parts.filter((part) => part.graph !== undefined && part.weights !== undefined);
  return new Map(loaded.map((part) => [part.name, fileSizes.get(part.weights as string) ?? 0]));
}
