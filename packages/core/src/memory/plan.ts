import { DeviceError } from '../errors.ts';
import type { ImageSize } from '../manifest/manifest.ts';
import type { ModelConfig } from '../model/config.ts';
import { PLAN_PHASES, type PlanPhase } from '../model/parts.ts';
import { type Grid, latentGrid, PIXELS_PER_TOKEN } from '../picture/geometry.ts';
import { pooledBytes } from './buckets.ts';
import { DEFAULT_MEMORY_BUDGET } from './budget.ts';
import { decodeWork } from './decode-work.ts';
import type { PartSize } from './part-sizes.ts';
import { decodeTiles } from './tiles.ts';
import {
  denoiseTables,
  denoiseWork,
  largestBuffer,
  modulationWork,
  textTables,
  textWork,
  type WorkOptions,
} from './work.ts';

/**
 * What one generation takes on the device, phase by phase, and how its weights are to be held so that it fits into a budget.
 * Made before anything is loaded; bytes are bytes on the device.
 */

/** Latents on a side of a tile, as they are tried where a whole picture cannot be decoded: larger ones show less. */
export const DECODE_TILES: readonly number[] = [64, 48, 32];

/** Of a plan whose caller does not say; more make tables of a few MB. */
const DEFAULT_STEPS = 28;

export interface PlanInput {
  config: ModelConfig;
  /** In run order. */
  parts: readonly PartSize[];
  size: ImageSize;
  /** T5 tokens, padding included. */
  textTokens: number;
  /** Pictures of one batch. Default 1. */
  n?: number;
  /** Default 28. */
  steps?: number;
  /**
   * Bytes of device memory for weights and work buffers together. Default {@link DEFAULT_MEMORY_BUDGET}, and then nothing is
   * refused for going beyond it.
   */
  budget?: number | undefined;
  /** WebGPU limits of the adapter. Nothing is refused for a limit that is not given. */
  limits?: { maxBufferSize?: number; maxStorageBufferBindingSize?: number } | undefined;
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
  /** What could be done with as much: fewer pictures, or a smaller one of about the same shape. Absent where nothing could. */
  fits?: { n: number; size: ImageSize };
  message: string;
}

export interface MemoryPlan {
  /** All weights of all phases stay between pictures. */
  keep: boolean;
  /** Latents on a side of the tiles that the picture is decoded in; absent where it is decoded whole. */
  decodeTile?: number;
  phases: Record<PlanPhase, PhasePlan>;
  /** The most at once. */
  peak: number;
  /** Bytes of weights that each step reads again: 0 where the denoiser is resident. */
  readPerStep: number;
  /** Empty when the generation fits. */
  refusals: PlanRefusal[];
}

export function planGeneration(input: PlanInput): MemoryPlan {
  const plan = planWithin(input);
  const { refusals } = plan;
  if (refusals.length === 0) return plan;
  const fits = whatFits(input);
  const advice = fits === undefined ? 'nothing smaller would fit' : `${describeFit(input, fits)} would fit`;
  return {
    ...plan,
    refusals: refusals.map((refusal) => ({
      ...refusal,
      ...(fits === undefined ? {} : { fits }),
      message: `${refusal.message}; ${advice}`,
    })),
  };
}

/** Throws `device/limit-too-small` with the numbers of the refusal that is furthest off. */
export function assertPlanned({ refusals }: MemoryPlan, size: ImageSize): void {
  const [refusal] = [...refusals].sort((a, b) => b.needed / b.offered - a.needed / a.offered);
  if (refusal === undefined) return;
  const { reason, phase, needed, offered, fits, message } = refusal;
  throw new DeviceError(message, {
    code: 'device/limit-too-small',
    details: { limit: reason, phase, needed, offered, size, ...(fits === undefined ? {} : { fits }) },
  });
}

/** The plan, whose refusals do not say yet what would fit. */
function planWithin(input: PlanInput): MemoryPlan {
  const { config, budget = DEFAULT_MEMORY_BUDGET } = input;
  const options: WorkOptions = {
    size: input.size,
    textTokens: input.textTokens,
    n: input.n ?? 1,
    f16: input.f16 === true,
    blockSums: input.parts.some((part) => part.blockSums),
  };
  const parts = partsByPhase(input.parts);
  const decoding = chooseDecode(input, sum(parts.decode));
  const work = { ...workByPhase(config, options, input.steps ?? DEFAULT_STEPS), decode: decoding };
  const decodeTile = decoding.tile === undefined ? {} : { decodeTile: decoding.tile };
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
    const refusals = refuse(all, keptBytes, input);
    return { keep: true, ...decodeTile, phases: all, peak: keptBytes, readPerStep: 0, refusals };
  }
  // 2. One phase at a time. What runs once is streamed anyway: keeping it would save nothing.
  const blocks = parts.denoise.filter(({ use }) => use === 'step');
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
  return { keep: false, ...decodeTile, phases, peak, readPerStep, refusals: refuse(phases, peak, input) };
}

/** The whole picture at once where that fits, else in the largest tiles that fit, else in the smallest there are. */
function chooseDecode(
  { config, size, budget = DEFAULT_MEMORY_BUDGET, limits }: PlanInput,
  weights: number,
): { bytes: number; largest: number; tile?: number } {
  const grid = latentGrid(size);
  const whole = decodeWork(config.vae, [grid]);
  const fits = ({ bytes, largest }: typeof whole) =>
    weights + bytes <= budget &&
    largest <= (limits?.maxBufferSize ?? Number.POSITIVE_INFINITY) &&
    largest <= (limits?.maxStorageBufferBindingSize ?? Number.POSITIVE_INFINITY);
  let chosen: typeof whole & { tile?: number } = whole;
  for (const tile of DECODE_TILES) {
    if (fits(chosen)) return chosen;
    if (tile < Math.max(grid.height, grid.width)) {
      chosen = { ...decodeWork(config.vae, shapes(decodeTiles(grid, tile).flat())), tile };
    }
  }
  return chosen;
}

/** One of each shape: what the first of them leaves in the pool, the others of its shape use again. */
function shapes(grids: readonly Grid[]): Grid[] {
  return [...new Map(grids.map((grid) => [`${grid.height} ${grid.width}`, grid])).values()];
}

/** Sixteenths of a picture's sides that are tried in place of one that does not fit. */
const SIXTEENTHS = Array.from({ length: 15 }, (_, i) => 15 - i);

/** The same request with fewer pictures, else one smaller picture of about the same shape. */
function whatFits(input: PlanInput): PlanRefusal['fits'] {
  const { size, n = 1 } = input;
  const fewer = Array.from({ length: n - 1 }, (_, i) => ({ n: n - 1 - i, size }));
  const side = (pixels: number, sixteenths: number) =>
    Math.max(1, Math.floor((pixels * sixteenths) / 16 / PIXELS_PER_TOKEN)) * PIXELS_PER_TOKEN;
  const smaller = SIXTEENTHS.map((s) => ({ n: 1, size: { width: side(size.width, s), height: side(size.height, s) } }));
  return [...fewer, ...smaller].find((fit) => planWithin({ ...input, ...fit }).refusals.length === 0);
}

function describeFit({ n = 1 }: PlanInput, fits: NonNullable<PlanRefusal['fits']>): string {
  const size = `${fits.size.width}x${fits.size.height}`;
  return n === 1 ? size : `${fits.n} of ${size}`;
}

function partsByPhase(parts: readonly PartSize[]): Record<PlanPhase, PartSize[]> {
  return record((phase) => parts.filter((part) => part.phase === phase));
}

function workByPhase(
  config: ModelConfig,
  options: WorkOptions,
  steps: number,
): Record<Exclude<PlanPhase, 'decode'>, { bytes: number; largest: number }> {
  const text = textWork(config.text_encoder_2, options);
  const modulation = modulationWork(config.transformer, steps);
  const denoise = denoiseWork(config.transformer, options);
  const bias = textTables(config.text_encoder_2, options);
  return {
    text: { bytes: pooledBytes(text) + bias, largest: Math.max(largestBuffer(text), bias) },
    modulation: { bytes: pooledBytes(modulation), largest: largestBuffer(modulation) },
    denoise: {
      bytes: pooledBytes(denoise) + denoiseTables(config.transformer, options),
      largest: largestBuffer(denoise),
    },
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

function refuse(phases: MemoryPlan['phases'], peak: number, { limits, budget, size, n = 1 }: PlanInput): PlanRefusal[] {
  const refusals: PlanRefusal[] = [];
  const what = `${n === 1 ? '' : `${n} pictures of `}${size.width}x${size.height}`;
  for (const phase of PLAN_PHASES) {
    const { largestBuffer: needed, bytes } = phases[phase];
    for (const reason of ['maxBufferSize', 'maxStorageBufferBindingSize'] as const) {
      const offered = limits?.[reason] ?? Number.POSITIVE_INFINITY;
      if (needed <= offered) continue;
      const message = `${phase} of ${what} needs ${reason} of ${needed}, the adapter offers ${offered}`;
      refusals.push({ reason, phase, needed, offered, message });
    }
    if (budget !== undefined && peak > budget && bytes > budget) {
      const message = `${phase} of ${what} needs ${bytes} bytes of device memory at least, the budget is ${budget}`;
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
