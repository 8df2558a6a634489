import type { ErrorCode } from './error-codes.ts';
import { type ErrorDetails, errorClass, isFluxError } from './errors.ts';

/** An error as plain data: structured clone keeps neither its class nor its own fields. */
export interface WireError {
  name: string;
  message: string;
  code?: ErrorCode;
  details?: ErrorDetails;
  stack?: string;
  cause?: WireError;
}

/** Causes that cross a boundary with their error. Longer and cyclic chains are cut there. */
const MAX_CAUSES = 4;

export function toWireError(error: unknown, depth = 0): WireError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const wire: WireError = { name: error.name, message: error.message };
  if (error.stack !== undefined) wire.stack = error.stack;
  if (isFluxError(error)) {
    wire.code = error.code;
    wire.details = error.details;
  }
  if (error.cause !== undefined && depth < MAX_CAUSES) wire.cause = toWireError(error.cause, depth + 1);
  return wire;
}

/** The error that a `WireError` came from. One without a code becomes an `Error` of its name. */
export function fromWireError(wire: WireError): Error {
  const { name, message, code, details = {}, stack } = wire;
  const cause = wire.cause && fromWireError(wire.cause);
  const error =
    typeof code !== 'string'
      ? Object.assign(new Error(message, cause && { cause }), { name })
      : new (errorClass(code))(message, { code, details, cause });
  if (stack !== undefined) error.stack = stack;
  return error;
}
