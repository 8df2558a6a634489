/**
 * The errors people can act on. The class says who can fix it, the code says what happened,
 * `details` has the numbers.
 *
 * Cancellation is not one of them: it is the standard `AbortError`. An exception of a caller's own
 * callback stays what it is.
 */

/** Every stable error code. The part before the slash names the class. */
export type ErrorCode =
  | 'input/required'
  | 'input/type'
  | 'input/out-of-range'
  | 'input/size-unsupported'
  | 'input/field-unsupported'
  | 'input/conflict'
  | 'input/licence'
  | 'input/prompt-too-long'
  | 'input/too-large'
  | 'input/queue-full'
  | 'input/unauthorized'
  | 'input/content-policy'
  | 'input/rejected'
  | 'input/file-unsupported'
  | 'format/truncated'
  | 'format/header-invalid'
  | 'format/header-too-large'
  | 'format/offset-out-of-range'
  | 'format/dtype-unsupported'
  | 'format/value-invalid'
  | 'format/tensor-missing'
  | 'format/tensor-unexpected'
  | 'format/shape-mismatch'
  | 'format/config-unsupported'
  | 'model/not-found'
  | 'model/file-missing'
  | 'model/manifest-invalid'
  | 'model/hash-mismatch'
  | 'model/version-unsupported'
  | 'model/tokenizer-invalid'
  | 'model/safety-checker-missing'
  | 'network/unreachable'
  | 'network/status'
  | 'network/truncated'
  | 'network/rate-limited'
  | 'network/timeout'
  | 'network/response-invalid'
  | 'storage/quota-exceeded'
  | 'storage/unavailable'
  | 'storage/write-failed'
  | 'device/no-webgpu'
  | 'device/limit-too-small'
  | 'device/feature-missing'
  | 'device/lost'
  | 'device/out-of-memory'
  | 'device/self-test-failed'
  | 'device/worker-failed'
  | 'device/hung'
  | 'inference/session-create'
  | 'inference/run'
  | 'inference/output-invalid';

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
    code === undefined
      ? Object.assign(new Error(message, cause && { cause }), { name })
      : new (errorClass(code))(message, { code, details, cause });
  if (stack !== undefined) error.stack = stack;
  return error;
}
