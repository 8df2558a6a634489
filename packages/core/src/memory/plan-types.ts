import type { ModelConfig } from '../model/config.ts';
import type { PlanPhase } from '../model/parts.ts';
import type { ImageSize } from '../picture/geometry.ts';
import type { PartSize } from './part-sizes.ts';

export interface PlanInput {
  config: ModelConfig;
  /** In run order. */
  parts: readonly PartSize[];
  size: ImageSize;
  /** T5 tokens, padding included. */
  textTokens: number;
  /** Pictures of one batch. Default 1. */
  n?: number;
  /** Denoising steps, by default SRPO's. Each adds a row to the modulation tables: a few MB. */
  steps?: number;
  /**
   * Bytes of device memory for weights and work buffers together. What needs more is refused.
   * Without it the plan aims at `target`.
   */
  budget?: number | undefined;
  /**
   * Bytes to aim at where there is no budget. Nothing is refused for going beyond them. Default
   * `DEFAULT_MEMORY_BUDGET`.
   */
  target?: number | undefined;
  /** Whether weights may stay for a next picture. `false`: there is none. Default true. */
  keepsWeights?: boolean | undefined;
  /** WebGPU limits of the adapter. Nothing is refused for a limit that is not given. */
  limits?: { maxBufferSize?: number; maxStorageBufferBindingSize?: number } | undefined;
  /** Run the graphs in half precision, which needs an adapter with `shader-f16`. Default false. */
  f16?: boolean;
  /**
   * Where each part gets a session with its weights inside: how many times its weights' bytes that
   * session takes. While it is made, the part's weights are there a second time.
   */
  packing?: number | undefined;
}

/** One phase of a generation. All numbers are bytes on the device. */
export interface PhasePlan {
  /** `resident`: all weights at once. `streamed`: the part that runs, and the next. */
  mode: 'resident' | 'streamed';
  /** The most weights at once, packed where they are, and the copy that one is packed from. */
  weights: number;
  /** All weights of the phase. */
  totalWeights: number;
  /** Work buffers and tables. */
  work: number;
  /** weights + work. */
  bytes: number;
  /** The largest single buffer, which the adapter's limits must allow. */
  largestBuffer: number;
}

/** Why a generation cannot be done as asked. */
export interface PlanRefusal {
  reason: 'budget' | 'maxBufferSize' | 'maxStorageBufferBindingSize';
  phase: PlanPhase;
  /** Bytes that the phase needs. */
  needed: number;
  /** Bytes that the budget or the adapter offers. */
  offered: number;
  /** Instead: fewer pictures, or one smaller of about the same shape. Absent: nothing fits. */
  fits?: { n: number; size: ImageSize };
  message: string;
}

export interface MemoryPlan {
  /** All weights of all phases stay on the device between pictures. */
  keep: boolean;
  /** Side, in latents, of the decoder's tiles. Absent where the picture is decoded whole. */
  decodeTile?: number;
  phases: Record<PlanPhase, PhasePlan>;
  /** The most bytes at once. */
  peak: number;
  /** Bytes of weights that every step reads again. 0 where the denoiser is resident. */
  readPerStep: number;
  /** Empty where the generation fits. */
  refusals: PlanRefusal[];
}
