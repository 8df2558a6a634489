export { type BuiltGraph, buildGraph, HALF_GRAPHS, planParts } from './plan.ts';
export type { ClassOf, PartPlan, WeightSlot } from './slots.ts';
export { offsetsName, scalesName, type WeightInput, weightInputs } from './weights.ts';
