import { formatBytes, strict } from '@flux-srpo/core';
import { bytesOption } from './options.ts';

/** Options of the commands that compute. */
export const COMPUTING_OPTIONS = {
  budget: { type: 'string' },
  'accuracy-level': { type: 'string', default: '0' },
} as const;

/** Of the memory that is free, how much weights and work buffers may take. The rest is for Node. */
const SHARE = 0.7;

interface Computing {
  accuracyLevel: 0 | 4;
  /** For the pipeline. */
  memory: { memoryBudget?: number; memoryTarget?: number };
  /** For people: what is planned for where no bound was given. */
  note?: string;
}

const readAccuracyLevel = strict.oneOf('0', '4');

/** @param free bytes of memory that this process could still take */
export function readComputing(
  values: { budget?: string | undefined; 'accuracy-level': string },
  free = process.availableMemory(),
): Computing {
  const accuracyLevel = readAccuracyLevel(values['accuracy-level'], '--accuracy-level') === '4' ? 4 : 0;
  if (values.budget !== undefined)
    return { accuracyLevel, memory: { memoryBudget: bytesOption(values.budget, 'budget') } };
  const memoryTarget = Math.floor(SHARE * free);
  const note = `plans for ${formatBytes(memoryTarget)} of memory, ${100 * SHARE} % of what is free; --budget sets another bound`;
  return { accuracyLevel, memory: { memoryTarget }, note };
}
