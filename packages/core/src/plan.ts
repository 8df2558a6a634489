import { pooledBytes } from './buckets.ts';
import type { ModelConfig } from './config.ts';
import type { ImageSize, Manifest, WeightClass } from './manifest.ts';
import {
  decodeWork,
  denoiseTables,
  denoiseWork,
  largestBuffer,
  textTables,
  textWork,
  type WorkOptions,
} from './work.ts';

/**
 * What one generation takes on the device, phase by phase, and how its weights are to be held so that it fits into a budget.
 * Made before anything is loaded; bytes are bytes on the device.
 */

/** In the order they run. Modulation and denoise share a device. */
export const PLAN_PHASES = ['text', 'modulation', 'denoise', 'decode'] as const;
export type PlanPhase = (typeof PLAN_PHASES)[number];

/** A part's weights on the device. */
export interface PartSize {
  name: string;
  bytes: number;
}

export interface PlanInput {
  config: ModelConfig;
  /** In run order. */
  parts: readonly PartSize[];
  size: ImageSize;
  /** T5 tokens, padding included. */
  textTokens: number;
  /** Pictures of one batch. Default 1. */
  n?: number;
  /** Bytes of device memory for weights and work buffers together. */
  budget: number;
  /** Of the adapter; without them nothing is refused for a limit. */
  limits?: { maxBufferSize: number; maxStorageBufferBindingSize: number };
  /** Graphs whose linear layers take and give halves, on an adapter with `shader-f16`. Default false. */
  f16?: boolean;
}

export interface PhasePlan {
  /** `resident`: all weights of the phase at once. `streamed`: the part that runs and the one that runs next. */
  mode: 'resident' | 'streamed';
  /** The most weights at once. */
  weights: number;
  /** All weights of the phase. */
  totalWeights: number;
  /** Work buffers and tables. */
  work: number;
  /** weights + work. */
  bytes: number;
  largestBuffer: number;
}

/** Why a generation cannot be done as asked. */
export interface PlanRefusal {
  reason: 'budget' | 'maxBufferSize' | 'maxStorageBufferBindingSize';
  phase: PlanPhase;
  needed: number;
  offered: number;
  message: string;
}

export interface MemoryPlan {
  /** All weights of all phases stay between pictures. */
  keep: boolean;
  phases: Record<PlanPhase, PhasePlan>;
  /** The most at once. */
  peak: number;
  /** Bytes of weights that each step reads again: 0 where the denoiser is resident. */
  readPerStep: number;
  /** Empty when the generation fits. */
  refusals: PlanRefusal[];
}

export function planGeneration(input: PlanInput): MemoryPlan {
  const { config, budget } = input;
  const options: WorkOptions = {
    size: input.size,
    textTokens: input.textTokens,
    n: input.n ?? 1,
    bytesPerActivation: input.f16 === true ? 2 : 4,
  };
  const parts = partsByPhase(input.parts);
  const work = workByPhase(config, options);
  const phase = (name: PlanPhase, mode: PhasePlan['mode'], weights: number): PhasePlan => ({
    mode,
    weights,
    totalWeights: sum(parts[name]),
    work: work[name].bytes,
    bytes: weights + work[name].bytes,
    largestBuffer: work[name].largest,
  });
  const resident = (name: PlanPhase) => phase(name, 'resident', sum(parts[name]));

  // 1. Everything, for good. Modulation works on the denoiser's device and leaves its buffers to it.
  const all = record(resident);
  const keptBytes = sum(input.parts) + work.text.bytes + work.denoise.bytes + work.decode.bytes;
  if (keptBytes <= budget) {
    return { keep: true, phases: all, peak: keptBytes, readPerStep: 0, refusals: refuse(all, keptBytes, input) };
  }
  // 2. One phase at a time. What runs once is streamed anyway: keeping it would save nothing.
  const blocks = parts.denoise.filter(isBlock);
  const others = sum(parts.denoise) - sum(blocks);
  const windowed = phase('denoise', 'streamed', others + largestPair(blocks, 'cyclic'));
  const denoise = all.denoise.bytes <= budget ? all.denoise : windowed;
  const phases: MemoryPlan['phases'] = {
    text: phase('text', 'streamed', largestPair(parts.text)),
    modulation: phase('modulation', 'streamed', largestPair(parts.modulation)),
    denoise,
    decode: all.decode,
  };
  const peak = Math.max(...Object.values(phases).map(({ bytes }) => bytes));
  const readPerStep = denoise.mode === 'streamed' ? sum(blocks) : 0;
  return { keep: false, phases, peak, readPerStep, refusals: refuse(phases, peak, input) };
}

/** How many times larger a weight class is on the device than on disk, where scales and halves are float32 there. */
const GROWTH: Readonly<Record<WeightClass, number>> = { q4: 20 / 18, q8: 36 / 34, f16: 2, f32: 1 };

/** Which classes of a recipe a part of this name has. Norms and biases are too small to count. */
const CLASSES: readonly (readonly [pattern: RegExp, classes: readonly string[]])[] = [
  [/^t5_layer/, ['t5', 't5_wo']],
  [/^clip_/, ['clip']],
  [/^modulation\./, ['modulation']],
  [/^(double|single)_block/, ['attention', 'mlp']],
  [/^final_layer/, ['final']],
  [/^vae_/, ['vae']],
  [/^(conditioning|embed_)/, ['embedder']],
];

/**
 * Weights of a bundle's parts on the device, from the manifest alone: never less than they will be, and more by 0.2 % at most where a
 * part's linear layers are all of one class (5 % where q4 and q8 are mixed).
 */
export function partSizes(manifest: Pick<Manifest, 'parts' | 'files' | 'quantization'>, f16 = false): PartSize[] {
  const fileSizes = new Map(manifest.files.map(({ path, size }) => [path, size]));
  const { recipe, fallbacks } = manifest.quantization;
  return manifest.parts
    .filter((part) => part.graph !== undefined && part.weights !== undefined)
    .map(({ name, weights }) => {
      const asked = CLASSES.find(([pattern]) => pattern.test(name))?.[1].map((key) => recipe[key] ?? 'f32') ?? [];
      const used = fallbacks.filter(({ tensor }) => tensor.startsWith(`${name}/`)).map((fallback) => fallback.used);
      const growths = [...asked, ...used].map((weightClass) =>
        f16 && weightClass !== 'f16' ? 1 : GROWTH[weightClass],
      );
      return { name, bytes: Math.ceil((fileSizes.get(weights as string) ?? 0) * Math.max(1, ...growths)) };
    });
}

function partsByPhase(parts: readonly PartSize[]): Record<PlanPhase, PartSize[]> {
  return record((phase) => parts.filter(({ name }) => phaseOf(name) === phase));
}

function phaseOf(part: string): PlanPhase {
  if (/^(t5|clip)_/.test(part)) return 'text';
  // The prompt is embedded once, like the modulation.
  if (/^(conditioning|modulation\.|embed_text)/.test(part)) return 'modulation';
  return part.startsWith('vae_') ? 'decode' : 'denoise';
}

function isBlock({ name }: PartSize): boolean {
  return /^(double|single)_block\./.test(name);
}

function workByPhase(config: ModelConfig, options: WorkOptions): Record<PlanPhase, { bytes: number; largest: number }> {
  const text = textWork(config.text_encoder_2, options);
  const denoise = denoiseWork(config.transformer, options);
  const decode = decodeWork(config.vae, options.size);
  const bias = textTables(config.text_encoder_2, options);
  return {
    text: { bytes: pooledBytes(text) + bias, largest: Math.max(largestBuffer(text), bias) },
    modulation: { bytes: 0, largest: 0 },
    denoise: {
      bytes: pooledBytes(denoise) + denoiseTables(config.transformer, options),
      largest: largestBuffer(denoise),
    },
    decode: { bytes: pooledBytes(decode), largest: largestBuffer(decode) },
  };
}

/** The most that two parts in a row take. */
function largestPair(parts: readonly PartSize[], order: 'once' | 'cyclic' = 'once'): number {
  const pairs = parts.map(({ bytes }, i) => {
    const next = parts[i + 1] ?? (order === 'cyclic' && parts.length > 1 ? parts[0] : undefined);
    return bytes + (next?.bytes ?? 0);
  });
  return Math.max(0, ...pairs);
}

function refuse(phases: MemoryPlan['phases'], peak: number, { limits, budget, size }: PlanInput): PlanRefusal[] {
  const refusals: PlanRefusal[] = [];
  for (const phase of PLAN_PHASES) {
    const { largestBuffer: needed, bytes } = phases[phase];
    for (const reason of ['maxBufferSize', 'maxStorageBufferBindingSize'] as const) {
      const offered = limits?.[reason] ?? Number.POSITIVE_INFINITY;
      if (needed <= offered) continue;
      const message = `${phase} of ${size.width}x${size.height} needs ${reason} of ${needed}, the adapter offers ${offered}; ask for a smaller picture`;
      refusals.push({ reason, phase, needed, offered, message });
    }
    if (peak > budget && bytes > budget) {
      const message = `${phase} of ${size.width}x${size.height} needs ${bytes} bytes at least, the budget is ${budget}; ask for a smaller picture or allow more`;
      refusals.push({ reason: 'budget', phase, needed: bytes, offered: budget, message });
    }
  }
  return refusals;
}

function record<T>(make: (phase: PlanPhase) => T): Record<PlanPhase, T> {
  return { text: make('text'), modulation: make('modulation'), denoise: make('denoise'), decode: make('decode') };
}

function sum(parts: readonly PartSize[]): number {
  return parts.reduce((total, { bytes }) => total + bytes, 0);
}
