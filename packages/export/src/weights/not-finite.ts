import { FormatError } from '@flux-srpo/core';
import type { WeightSlot } from '../graphs/slots.ts';

/** The error for a slot with a number that is none. */
export function notFinite(slot: WeightSlot, value: number): FormatError {
  return new FormatError(`${slot.name} must hold finite numbers, got ${value}; the checkpoint is damaged`, {
    code: 'format/value-invalid',
    details: { slot: slot.name, got: String(value) },
  });
}
