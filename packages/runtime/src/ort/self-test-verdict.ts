import type { Precision } from '@flux-srpo/core';
import type { Rung } from './ladder.ts';
import type { ShaderFix } from './shader-fix.ts';

/** What the known-answer self-test said about one adapter with one runtime version. */
export interface SelfTestVerdict {
  /** Which rung of the ladder passed. */
  readonly rung: Rung;
  /** `f16` where the kernels of half precision passed, too. */
  readonly precision: Precision;
  /** Largest error of each kernel that counts, relative to the largest reference value. */
  readonly errors: Readonly<Record<string, number>>;
  /** The runtime's names of the GPU programs that ran on that rung, sorted. */
  readonly programs: readonly string[];
  /** Why higher rungs were left, one line each; empty on the first rung. */
  readonly steppedDown: readonly string[];
  /** With which fix the kernels were asked. Absent: shaders ran as they are. */
  readonly shaderFix?: ShaderFix;
  /** True when the verdict came from the store and the kernels did not run now. */
  readonly remembered: boolean;
}

/** Where what was found out about an adapter is remembered between visits. */
export interface VerdictStore {
  get(key: string): Promise<unknown>;
  /** @param value plain data */
  set(key: string, value: unknown): Promise<void>;
}
