import { FormatError } from '@flux-srpo/core';
import { showName } from '../show-name.ts';

/** The error for a header that breaks a rule. `rule` follows "the safetensors header". */
export function headerError(
  name: string,
  rule: string,
  details?: Record<string, unknown>,
  cause?: unknown,
): FormatError {
  return new FormatError(`${name}: the safetensors header ${rule}`, {
    code: 'format/header-invalid',
    details: { name, ...details },
    cause,
  });
}

/** The error for data that lies where it must not. */
export function offsetError(name: string, problem: string, details: { tensor: string }): FormatError {
  return new FormatError(`${name}: ${problem}`, {
    code: 'format/offset-out-of-range',
    details: { name, tensor: showName(details.tensor) },
  });
}
