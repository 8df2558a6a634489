import type { Precision, WeightClass } from '@flux-srpo/core';
import type { WebGpuBackendOptions } from '@flux-srpo/runtime';

export type Rung = NonNullable<WebGpuBackendOptions['highestRung']>;

/** How the kernels compute. */
export interface Kernels {
  precision: Precision;
  /** The best that may be used. Absent: the adapter's best. */
  highestRung?: Rung;
}

/** Blocks and steps of FLUX.1's shape. */
export interface ModelQuestion extends Kernels {
  ask: 'model';
  dtype: WeightClass;
  /** `resident`: weights stay while steps run. `streamed`: they are read again at each step. */
  weights: 'resident' | 'streamed';
  /** Folder of the bundle. */
  bundle: string;
  /** `1024x1024`, in the order of their worth. */
  sizes: readonly string[];
  textTokens: number;
  /** Bytes of device memory to plan with where weights are resident. */
  budget: number;
  /** Asks for the times of the kernels too, at the first size. */
  isProfiled?: boolean;
  /** Seconds until the bench ends. */
  secondsLeft: number;
}

/** What one process is asked: a driver that dies takes one answer with it. */
export type Question =
  | { ask: 'adapter' }
  | { ask: 'self-test'; highestRung?: Rung }
  | ({ ask: 'picture' } & Kernels)
  | { ask: 'ceiling'; size: number }
  | ModelQuestion
  | { ask: 'weights'; dtype: WeightClass; isSmall: boolean; folder: string };

/** One line of an answer. */
export type Line = { what: string } & Record<string, unknown>;
export type Tell = (line: Line) => void;
