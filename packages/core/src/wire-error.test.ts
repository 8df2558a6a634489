import { describe, expect, it } from 'vitest';
import {
  DeviceError,
  FluxError,
  FormatError,
  InferenceError,
  InputError,
  isFluxError,
  ModelError,
  NetworkError,
  StorageError,
} from './errors.ts';
import { fromWireError, toWireError } from './wire-error.ts';

/** What arrives on the other side: plain data only. */
function overTheWire(error: unknown): Error {
  return fromWireError(JSON.parse(JSON.stringify(toWireError(error))));
}

describe('the wire', () => {
  it.each([
    new InputError('steps must be 1 to 1000, got 0', { code: 'input/out-of-range', details: { field: 'steps' } }),
    new FormatError('cut short', { code: 'format/truncated', details: { expected: 8, got: 3 } }),
    new ModelError('no such model', { code: 'model/not-found' }),
    new NetworkError('404', { code: 'network/status', details: { status: 404 } }),
    new StorageError('full', { code: 'storage/quota-exceeded' }),
    new DeviceError('gone', { code: 'device/lost' }),
    new InferenceError('NaN', { code: 'inference/output-invalid' }),
  ])('keeps class, code, details and message of $name', (error) => {
    const back = overTheWire(error);
    expect(back).toBeInstanceOf(error.constructor);
    expect(back).toMatchObject({ name: error.name, message: error.message, code: error.code, details: error.details });
    expect(back.stack).toBe(error.stack);
  });

  it('keeps the chain of causes, and cuts one that never ends', () => {
    const error = new InferenceError('step 3 failed', { code: 'inference/run', cause: new TypeError('inner') });
    expect(overTheWire(error).cause).toMatchObject({ name: 'TypeError', message: 'inner' });

    const cyclic = new Error('round');
    cyclic.cause = cyclic;
    let depth = 0;
    for (let at: unknown = overTheWire(cyclic); at instanceof Error; at = at.cause) depth++;
    expect(depth).toBe(5);
  });

  it('keeps the name of an AbortError, which is not ours', () => {
    const abort = new Error('stopped');
    abort.name = 'AbortError';
    const back = overTheWire(abort);
    expect(back.name).toBe('AbortError');
    expect(isFluxError(back)).toBe(false);
  });

  it('makes an error of anything thrown', () => {
    expect(overTheWire('just text').message).toBe('just text');
    expect(overTheWire(undefined).message).toBe('undefined');
  });

  it('takes no class from the wire that is not one of ours', () => {
    const back = fromWireError({ name: 'constructor', message: 'x', code: 'input/type' });
    expect(back).toBeInstanceOf(FluxError);
  });
});

describe('isFluxError', () => {
  const error = new DeviceError('gone', { code: 'device/lost' });

  it('tells codes and families apart', () => {
    expect(isFluxError(error)).toBe(true);
    expect(isFluxError(error, 'device/lost')).toBe(true);
    expect(isFluxError(error, 'device/')).toBe(true);
    expect(isFluxError(error, 'device/out-of-memory')).toBe(false);
    expect(isFluxError(error, 'model/')).toBe(false);
    expect(isFluxError(new Error('device/lost'))).toBe(false);
  });

  it('knows the errors of another copy of the package, and so does the wire', async () => {
    // A query makes the same file another module, as a second installation of the package would be.
    const other: typeof import('./errors.ts') = await import(`${import.meta.resolve('./errors.ts')}?copy`);
    const foreign = new other.DeviceError('gone', { code: 'device/lost', details: { reason: 'sleep' } });
    expect(foreign).not.toBeInstanceOf(FluxError);
    expect(isFluxError(foreign, 'device/lost')).toBe(true);
    expect(other.isFluxError(error, 'device/')).toBe(true);
    const back = overTheWire(foreign);
    expect(back).toBeInstanceOf(DeviceError);
    expect(back).toMatchObject({ code: 'device/lost', details: { reason: 'sleep' } });
  });
});
