export { bakeWeights } from './bake.ts';
export { mlpChunks } from './ops.ts';
export { type BuiltGraph, buildGraph, HALF_GRAPHS, planParts } from './plan.ts';
export type { ClassOf, PartPlan, TensorClass, WeightSlot } from './slots.ts';
export { offsetColumns, QUANT_BLOCK, scalesName, storedWidth, type WeightInput, weightInputs } from './weights.ts';
