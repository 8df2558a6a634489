import type { Precision } from '@flux-srpo/core';

/** The graphs of a model that have a variant in half precision. */
export interface HalfGraphs {
  /** What the self-test says of these graphs is remembered under it. Other graphs have another. */
  readonly identity: string;
  readonly names: readonly string[];
  read(name: string, precision: Precision): Promise<Uint8Array>;
}
