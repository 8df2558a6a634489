import { DeviceError } from '../errors.ts';
import { PLAN_PHASES } from '../model/parts.ts';
import type { ImageSize } from '../picture/geometry.ts';
import type { MemoryPlan, PlanInput, PlanRefusal } from './plan-types.ts';

/** The two WebGPU limits that bound a single buffer. */
export const BUFFER_LIMITS = ['maxBufferSize', 'maxStorageBufferBindingSize'] as const;

/** Every limit that a phase's largest buffer passes, and every phase over a given budget. */
export function refuse(
  phases: MemoryPlan['phases'],
  peak: number,
  { limits, budget, size, n = 1 }: PlanInput,
): PlanRefusal[] {
  const refusals: PlanRefusal[] = [];
  const what = `${n === 1 ? '' : `${n} pictures of `}${size.width}x${size.height}`;
  for (const phase of PLAN_PHASES) {
    const { largestBuffer: needed, bytes } = phases[phase];
    for (const reason of BUFFER_LIMITS) {
      const offered = limits?.[reason];
      if (offered === undefined || needed <= offered) continue;
      const message = `${phase} of ${what} needs ${reason} of ${needed}, the adapter offers ${offered}`;
      refusals.push({ reason, phase, needed, offered, message });
    }
    if (budget !== undefined && peak > budget && bytes > budget) {
      const message = `${phase} of ${what} needs ${bytes} bytes of device memory at least, the budget is ${budget}`;
      refusals.push({ reason: 'budget', phase, needed: bytes, offered: budget, message });
    }
  }
  return refusals;
}

/** Throws `device/limit-too-small` for a plan with refusals, with the worst one's numbers. */
export function assertPlanned({ refusals }: MemoryPlan, size: ImageSize): void {
  const [refusal] = [...refusals].sort((a, b) => b.needed / b.offered - a.needed / a.offered);
  if (refusal === undefined) return;
  const { reason, phase, needed, offered, fits, message } = refusal;
  throw new DeviceError(message, {
    code: 'device/limit-too-small',
    details: { limit: reason, phase, needed, offered, size, ...(fits === undefined ? {} : { fits }) },
  });
}
