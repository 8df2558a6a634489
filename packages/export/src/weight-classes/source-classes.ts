import { isFourBits, type QuantizationFallback } from '@flux-srpo/core';
import { bitsOf } from '../convert/part-work.ts';
import type { ClassOf, PartPlan, WeightSlot } from '../graphs/slots.ts';
import type { Binding, BoundSlot } from '../key-maps/binding.ts';
import type { Component } from '../key-maps/namings.ts';
import { canHold } from '../quantize/ggml-blocks.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import { type ClassMap, resolveClass, shapeFallbacks } from './class-map.ts';

type Checkpoints = Readonly<Record<Component, Checkpoint>>;

/** What a class map becomes for one source. */
export interface SourceClasses {
  readonly classMap: ClassMap;
  readonly classOf: ClassOf;
  /** Every slot that is not stored as the map says, and why. */
  readonly fallbacks: readonly QuantizationFallback[];
}

/**
 * A class map after the source's own dtypes. Where it says `q4m` and the source has Q4_K or Q4_1,
 * `q4k` keeps the codes. A layer that the source keeps wider than most of its network's weights
 * gets 8 bits at least. All blocks of a kind share a graph: what is wide in one of them is wide in
 * all.
 */
export function classesForSource(
  asked: ClassMap,
  plan: readonly PartPlan[],
  binding: Binding,
  checkpoints: Checkpoints,
): SourceClasses {
  const layers = plan.flatMap((part) => binding.parts.get(part.name)!.map((bound) => ({ part, bound })));
  const linear = layers.filter(({ bound }) => bound.slot.kind === 'linear');
  const dtypeOf = ({ component, tensor }: BoundSlot) => checkpoints[component].tensors.get(tensor)!.dtype;

  const classMap = { ...asked };
  for (const { bound } of linear) {
    const type = checkpoints[bound.component].blockType(bound.tensor);
    const { tensorClass } = bound.slot;
    const isNewlyHeld = type !== undefined && canHold('q4k', type) && !canHold('q4m', type);
    if (isNewlyHeld && asked[tensorClass] === 'q4m') classMap[tensorClass] = 'q4k';
  }

  const usual = usualDtypes(
    linear.map(({ bound }) => bound),
    dtypeOf,
  );
  const wide = new Map<string, string>();
  for (const { part, bound } of linear) {
    const dtype = dtypeOf(bound);
    const most = usual.get(bound.component)!;
    if (bitsOf(dtype) > bitsOf(most) && isFourBits(resolveClass(classMap, bound.slot).used)) {
      wide.set(keyOf(bound.slot, part.graph), `the source keeps it in ${dtype} and most weights beside it in ${most}`);
    }
  }
  const classOf: ClassOf = (slot, graph) => (wide.has(keyOf(slot, graph)) ? 'q8' : resolveClass(classMap, slot).used);
  const kept = plan.flatMap((part) =>
    part.slots.flatMap((slot): QuantizationFallback[] => {
      const reason = wide.get(keyOf(slot, part.graph));
      const tensor = `${part.name}/${slot.name}`;
      return reason === undefined ? [] : [{ tensor, asked: classMap[slot.tensorClass], used: 'q8', reason }];
    }),
  );
  return { classMap, classOf, fallbacks: [...shapeFallbacks(plan, classMap), ...kept] };
}

function keyOf({ name }: WeightSlot, graph: string | undefined): string {
  return `${graph}/${name}`;
}

/** Of each network, the dtype that most of its weights have. */
function usualDtypes(bound: readonly BoundSlot[], dtypeOf: (slot: BoundSlot) => string): Map<Component, string> {
  const weights = new Map<Component, Map<string, number>>();
  for (const slot of bound) {
    const ofComponent = weights.get(slot.component) ?? new Map<string, number>();
    weights.set(slot.component, ofComponent);
    const count = slot.slot.shape.reduce((product, dim) => product * dim, 1);
    ofComponent.set(dtypeOf(slot), (ofComponent.get(dtypeOf(slot)) ?? 0) + count);
  }
  return new Map(
    [...weights].map(([component, counts]) => [component, [...counts].sort(([, a], [, b]) => b - a)[0]![0]]),
  );
}
