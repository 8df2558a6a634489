export { type BuiltGraph, buildGraph, HALF_GRAPHS } from './build-graph.ts';
export { planParts } from './plan-parts.ts';
export type { ClassOf, PartPlan, WeightSlot } from './slots.ts';
export { isScales, offsetsName, scalesName, type WeightInput, weightInputs } from './weight-inputs.ts';
