import { DeviceError, InferenceError, InputError, ModelError, NetworkError } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { mayFallBack } from './fallback.ts';

const ERRORS = {
  unsupported: new DeviceError('', { code: 'device/limit-too-small' }),
  lost: new DeviceError('', { code: 'device/lost' }),
  failed: new InferenceError('', { code: 'inference/run' }),
  download: new NetworkError('', { code: 'network/unreachable' }),
  noBundle: new ModelError('', { code: 'model/not-found' }),
  // The request names another model: the server may have it, and that was not asked for.
  otherModel: new ModelError('', { code: 'model/not-found', details: { field: 'model' } }),
  wrong: new InputError('', { code: 'input/type' }),
  busy: new InputError('', { code: 'input/queue-full' }),
  abort: new DOMException('', 'AbortError'),
  bug: new TypeError(),
};

describe('mayFallBack', () => {
  it.each([
    ['never', []],
    ['when-unsupported', ['unsupported']],
    ['on-failure', ['unsupported', 'lost', 'failed', 'download', 'noBundle']],
  ] as const)('%s lets exactly %j through', (policy, expected) => {
    const passed = Object.entries(ERRORS).filter(([, error]) => mayFallBack(policy, error));
    expect(passed.map(([name]) => name)).toEqual(expected);
  });
});
