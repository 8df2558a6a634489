import { InputError, type Precision, strict } from '@flux-srpo/core';
import type { AccuracyLevel } from '@flux-srpo/runtime/node';
import { bytesOption } from './options.ts';

/** Options of the commands that compute. */
export const COMPUTING_OPTIONS = {
  device: { type: 'string', default: 'auto' },
  precision: { type: 'string', default: 'auto' },
  budget: { type: 'string' },
  'accuracy-level': { type: 'string', default: '0' },
} as const;

export interface Computing {
  device: 'auto' | 'cpu' | 'webgpu';
  precision: 'auto' | Precision;
  /** Bytes to stay within. Absent: no bound was given. */
  budget?: number;
  /** Of the CPU. */
  accuracyLevel: AccuracyLevel;
}

const readDevice = strict.oneOf('auto', 'cpu', 'webgpu');
const readPrecision = strict.oneOf('auto', 'f32', 'f16');
const readAccuracyLevel = strict.oneOf('0', '4', '4-wide');

export function readComputing(values: {
  device: string;
  precision: string;
  budget?: string | undefined;
  'accuracy-level': string;
}): Computing {
  const device = readDevice(values.device, '--device');
  const level = readAccuracyLevel(values['accuracy-level'], '--accuracy-level');
  if (device === 'webgpu' && level !== '0') {
    throw new InputError(`--accuracy-level ${level} needs --device cpu, got webgpu; leave one of them out`, {
      code: 'input/conflict',
      details: { field: '--accuracy-level' },
    });
  }
  return {
    // Whoever asks for what the CPU alone has asks for the CPU.
    device: level === '0' ? device : 'cpu',
    precision: readPrecision(values.precision, '--precision'),
    ...(values.budget !== undefined && { budget: bytesOption(values.budget, 'budget') }),
    accuracyLevel: level === '4-wide' ? level : level === '4' ? 4 : 0,
  };
}
