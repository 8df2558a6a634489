import { type AdapterReport, canUseHalves } from './adapter.ts';

/**
 * What the runtime's kernels may use of an adapter, best first. Each rung has what is below it:
 * subgroup matrices asked for alone would bring subgroups back, since the runtime looks at both.
 */
export type Rung = 'matrices' | 'subgroups' | 'no-subgroups';

const SUBGROUPS = ['subgroups', 'subgroup-size-control'] as const;

/** WebGPU names of what each rung asks for, where the adapter has it. */
export const RUNG_FEATURES: Readonly<Record<Rung, readonly string[]>> = {
  matrices: [...SUBGROUPS, 'chromium-experimental-subgroup-matrix'],
  subgroups: SUBGROUPS,
  'no-subgroups': [],
};

/**
 * The rungs that are worth trying. With 4 lanes FlashAttention's shuffle kernel is known to be
 * wrong (onnxruntime 1.30); its kernels on matrices compute in halves alone.
 *
 * @param highest leaves out what is above it
 */
export function rungsOf(adapter: AdapterReport, highest: Rung = 'matrices'): Rung[] {
  const hasSubgroups = adapter.features.includes('subgroups') && adapter.subgroupMinSize !== 4;
  const hasMatrices = adapter.features.includes('chromium-experimental-subgroup-matrix') && canUseHalves(adapter);
  const rungs: Rung[] = [
    ...(hasSubgroups && hasMatrices ? (['matrices'] as const) : []),
    ...(hasSubgroups ? (['subgroups'] as const) : []),
    'no-subgroups',
  ];
  const order = Object.keys(RUNG_FEATURES);
  return rungs.filter((rung) => order.indexOf(rung) >= order.indexOf(highest));
}
