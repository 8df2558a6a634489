import type { MemoryPlan, PlanInput } from './plan-types.ts';
import { planResidency } from './residency.ts';
import { describeFit, findFit } from './what-fits.ts';

/**
 * What one generation takes on the device, phase by phase, and how its weights are to be held so
 * that it fits into the budget. Made before anything is loaded.
 */
export function planGeneration(input: PlanInput): MemoryPlan {
  const plan = planResidency(input);
  if (plan.refusals.length === 0) return plan;
  const fits = findFit(input);
  const advice = fits === undefined ? 'nothing smaller would fit' : `${describeFit(input, fits)} would fit`;
  const refusals = plan.refusals.map((refusal) => ({
    ...refusal,
    ...(fits !== undefined && { fits }),
    message: `${refusal.message}; ${advice}`,
  }));
  return { ...plan, refusals };
}
