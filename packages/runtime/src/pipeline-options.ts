import { InputError, type Precision } from '@flux-srpo/core';
import type { Bundle } from './bundle/bundle.ts';
import type { Backend } from './ort/backend.ts';

export interface PipelineOptions {
  /** Like the backend, the pipeline's own from here on: `dispose()` closes both. */
  bundle: Bundle;
  backend: Backend;
  /**
   * Bytes of device memory to stay within, weights and work buffers together. Weights that fit are
   * kept, the others are read again when they are needed, and large pictures are decoded in tiles.
   * What does not fit even so is refused. Without a budget `memoryTarget` is planned for.
   */
  memoryBudget?: number | undefined;
  /**
   * Bytes that are planned for without a budget; nothing is refused for want of memory then.
   * @default what the device gives in a trial, or `DEFAULT_MEMORY_BUDGET` where none is made
   */
  memoryTarget?: number | undefined;
  /**
   * Whether weights may stay for the next picture, where all of them fit. `false`, for a program
   * that draws once: each part's weights go when it has run for the last time.
   * @default true
   */
  keepsWeights?: boolean | undefined;
  /**
   * As it was asked of the backend. `f16` is refused for a bundle without graphs in half precision;
   * `auto` runs the float32 graphs of such a bundle.
   */
  precision?: 'auto' | Precision | undefined;
}

export function checkPipelineOptions({ bundle, memoryBudget, precision }: PipelineOptions): void {
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
}
