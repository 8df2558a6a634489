import { InputError, type WeightClass } from '@flux-srpo/core';

const CLASSES: readonly string[] = ['f32', 'f16', 'q8', 'q4', 'q4m'] satisfies WeightClass[];

/** The value of `--dtype`. */
export function weightClass(value: string): WeightClass {
  if (CLASSES.includes(value)) return value as WeightClass;
  throw new InputError(`--dtype must be one of ${CLASSES.join(', ')}, got "${value}"`, {
    code: 'input/out-of-range',
    details: { field: 'dtype' },
  });
}
