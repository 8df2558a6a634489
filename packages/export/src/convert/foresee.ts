import type { ModelConfig, WeightClass } from '@flux-srpo/core';
import { readSafetyChecker } from '../bundle/read-safety-checker.ts';
import type { ClassOf } from '../graphs/index.ts';
import type { Component } from '../key-maps/namings.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import type { SourceFolder } from '../sources/source-folder.ts';
import { CLASS_MAPS } from '../weight-classes/class-map.ts';
import { classesForSource } from '../weight-classes/source-classes.ts';
import { expectedBytes, partWork } from './part-work.ts';
import { readHeaders } from './read-headers.ts';

/** What a conversion will write. */
export interface ConversionForecast {
  /** Parts of the bundle. */
  parts: number;
  /** Parameters of the model. */
  weights: number;
  /** Bytes of the source that become weights. */
  sourceBytes: number;
  /** Bytes of weights, if every number fits the dtype that its class prefers; else a few more. */
  bytes: number;
}

/**
 * What a conversion will write, the shape of the model, and how each of its tensors is stored.
 * Reads no weights. Throws what a conversion would throw before its first part.
 */
export async function foreseeConversion(
  source: SourceFolder,
  dtype: WeightClass,
  safetyChecker?: SourceFolder,
): Promise<{ forecast: ConversionForecast; config: ModelConfig; classOf: ClassOf }> {
  const opened: Partial<Record<Component, Checkpoint>> = {};
  try {
    if (safetyChecker !== undefined) await readSafetyChecker(safetyChecker);
    const { plan, binding, checkpoints, config } = await readHeaders(source, opened);
    const work = plan.map((part) => partWork(part, binding.parts.get(part.name)!, checkpoints));
    const { classOf } = classesForSource(CLASS_MAPS[dtype], plan, binding, checkpoints);
    const forecast = {
      parts: plan.length,
      weights: work.reduce((sum, { weights }) => sum + weights, 0),
      sourceBytes: work.reduce((sum, { bytes }) => sum + bytes, 0),
      bytes: plan.reduce((sum, part) => sum + expectedBytes(part, classOf), 0),
    };
    return { forecast, config, classOf };
  } finally {
    for (const checkpoint of Object.values(opened)) await checkpoint.close();
  }
}
