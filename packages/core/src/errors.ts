import type { ErrorCode } from './error-codes.ts';

/**
 * The errors people can act on. The class says who can fix it, the code says what happened,
 * `details` has the numbers.
 *
 * Cancellation is not one of them: it is the standard `AbortError`. An exception of a caller's own
 * callback stays what it is.
 */

/** Plain data that survives structured clone. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * What an error says besides its message. `details.field` names the field that is wrong, of a
 * request, an option or a file. HTTP answers with it as `param`.
 */
export interface FluxErrorOptions {
  code: ErrorCode;
  details?: ErrorDetails;
  cause?: unknown;
}

/** Marks the errors of every copy of this package: `instanceof` knows only its own copy's. */
const BRAND = Symbol.for('flux-srpo.error');

/** Every error of the library; one of the classes below. */
export class FluxError extends Error {
  static {
    Object.defineProperty(FluxError.prototype, BRAND, { value: true });
  }

  override name = 'FluxError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(message: string, options: FluxErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.details = options.details ?? {};
  }
}

/** The caller can fix it: a request or argument is wrong. */
export class InputError extends FluxError {
  override name = 'InputError';
}
/** Whoever made the file can fix it: bytes are malformed. Permanent; retrying cannot help. */
export class FormatError extends FluxError {
  override name = 'FormatError';
}
/** Whoever deployed the bundle can fix it. */
export class ModelError extends FluxError {
  override name = 'ModelError';
}
/** The network failed; a retry may help. */
export class NetworkError extends FluxError {
  override name = 'NetworkError';
}
/** The disk or the browser's storage refused. */
export class StorageError extends FluxError {
  override name = 'StorageError';
}
/** The user's machine cannot do it, or stopped doing it. */
export class DeviceError extends FluxError {
  override name = 'DeviceError';
}
/** The runtime failed, or gave numbers that cannot be a picture. */
export class InferenceError extends FluxError {
  override name = 'InferenceError';
}

const CLASSES: ReadonlyMap<string, typeof FluxError> = new Map([
  ['input', InputError],
  ['format', FormatError],
  ['model', ModelError],
  ['network', NetworkError],
  ['storage', StorageError],
  ['device', DeviceError],
  ['inference', InferenceError],
]);

/** The class that `code` names. */
export function errorClass(code: ErrorCode): typeof FluxError {
  return CLASSES.get(code.slice(0, code.indexOf('/'))) ?? FluxError;
}

/**
 * True for every error of this library, whichever copy of it made the error; with `code`, for that
 * code (`'device/lost'`) or that family (`'device/'`).
 */
export function isFluxError(error: unknown, code?: ErrorCode | `${string}/`): error is FluxError {
  if (!isBranded(error)) return false;
  return code === undefined || (code.endsWith('/') ? error.code.startsWith(code) : error.code === code);
}

const isBranded = (error: unknown): error is FluxError => error instanceof Error && BRAND in error;
