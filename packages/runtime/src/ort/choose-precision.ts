import { DeviceError, type Precision } from '@flux-srpo/core';
import type { SelfTestVerdict } from './self-test-verdict.ts';

/**
 * What a backend computes in.
 *
 * @param hasHalves whether the adapter has `shader-f16`
 * @param verdict absent where the self-test was switched off: then the adapter is believed
 */
export function choosePrecision(
  asked: 'auto' | Precision,
  hasHalves: boolean,
  verdict: Pick<SelfTestVerdict, 'precision' | 'steppedDown'> | undefined,
): Precision {
  const offered = verdict?.precision ?? (hasHalves ? 'f16' : 'f32');
  if (asked !== 'f16' || offered === 'f16') return asked === 'auto' ? offered : asked;
  const why = hasHalves
    ? `this GPU failed the half-precision self-test (${verdict?.steppedDown.at(-1)})`
    : 'precision "f16" needs a GPU with shader-f16, got one without';
  throw new DeviceError(`${why}; use precision "auto"`, {
    code: 'device/feature-missing',
    details: { feature: 'shader-f16' },
  });
}
