import {
  DeviceError,
  FLUX_SRPO_DEFAULTS,
  FLUX_SRPO_SIZES,
  type FluxError,
  InferenceError,
  InputError,
  isFluxError,
  ModelError,
  NetworkError,
  parseManifest,
} from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { type ModelFacts, toEngineRequest } from '../wire/model.ts';
import type { CheckedRequest } from '../wire/request.ts';
import { mayFallBack } from './fallback.ts';

function thrownBy(act: () => unknown): FluxError {
  try {
    act();
  } catch (error) {
    if (isFluxError(error)) return error;
  }
  throw new Error('expected an error of the library, got none');
}

const MODEL: ModelFacts = {
  model: 'this',
  sizes: FLUX_SRPO_SIZES,
  defaults: FLUX_SRPO_DEFAULTS,
  hasGuidance: true,
  hasSafetyChecker: false,
  hasStepCache: false,
};

/** What a model says to a request that is not for it. */
const refused = (request: Partial<CheckedRequest>) =>
  thrownBy(() => toEngineRequest({ prompt: 'a canary', ...request }, MODEL));

const ERRORS = {
  unsupported: new DeviceError('', { code: 'device/limit-too-small' }),
  lost: new DeviceError('', { code: 'device/lost' }),
  failed: new InferenceError('', { code: 'inference/run' }),
  download: new NetworkError('', { code: 'network/unreachable' }),
  noBundle: new ModelError('', { code: 'model/not-found' }),
  // The request names another model: the server may have it, and that was not asked for.
  otherModel: refused({ model: 'another' }),
  noChecker: refused({ enable_safety_checker: true }),
  noStepCache: refused({ acceleration: 'high' }),
  wrong: new InputError('', { code: 'input/type' }),
  // Has a field as well, of the manifest: nothing is wrong with the request.
  damaged: thrownBy(() => parseManifest('{"version":1,"model":7}')),
  busy: new InputError('', { code: 'input/queue-full' }),
  abort: new DOMException('', 'AbortError'),
  bug: new TypeError(),
};

describe('mayFallBack', () => {
  it('takes the manifest for damaged because of a field', () => {
    expect(ERRORS.damaged).toMatchObject({ code: 'model/manifest-invalid', details: { field: expect.any(String) } });
  });

  it.each([
    ['never', []],
    ['when-unsupported', ['unsupported']],
    ['on-failure', ['unsupported', 'lost', 'failed', 'download', 'noBundle', 'damaged']],
  ] as const)('%s lets exactly %j through', (policy, expected) => {
    const passed = Object.entries(ERRORS).filter(([, error]) => mayFallBack(policy, error));
    expect(passed.map(([name]) => name)).toEqual(expected);
  });
});
