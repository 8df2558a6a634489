import { FormatError } from '@flux-srpo/core';
import type { PartPlan } from '../graphs/slots.ts';
import type { Binding, BoundSlot, UnusedTensor } from '../key-maps/binding.ts';
import { cutAmong, sharedShape } from '../key-maps/claims.ts';
import { readValues } from '../tensors/store.ts';
import type { MergedSlot, SlotDelta } from './merged-slot.ts';
import type { OpenLora } from './open-loras.ts';
import type { LoraPair } from './pairs.ts';
import { type LoraTarget, loraTargets } from './targets.ts';

/**
 * The same binding with the LoRAs' pairs at the slots that they change. A LoRA is cut into slots by
 * its own naming, so the checkpoint's naming does not matter. Each pair changes a layer of this
 * model, is listed as unneeded, or is refused by name.
 */
export function mergeLoras(
  binding: Binding,
  plan: readonly PartPlan[],
  loras: readonly OpenLora[],
): Binding<MergedSlot> {
  if (loras.length === 0) return binding;
  const findTarget = loraTargets(plan);
  /** By `part/slot`. */
  const deltas = new Map<string, SlotDelta[]>();
  const unused: UnusedTensor[] = [];
  for (const lora of loras) {
    /** `part/slot` → the layer by which this LoRA changes it. */
    const changed = new Map<string, string>();
    for (const [pair, scale] of lora.pairs) {
      const target = findTarget(pair.layer);
      if (target === undefined) throw unknownLayer(pair);
      if ('reason' in target) {
        unused.push(...tensorsOf(pair).map((tensor) => ({ ...target, tensor: `${pair.file}: ${tensor}` })));
        continue;
      }
      for (const { slot, rows, columns } of cutPair(pair, target)) {
        const at = `${target.part}/${slot.name}`;
        const other = changed.get(at);
        if (other !== undefined) throw changedTwice(pair, other);
        changed.set(at, pair.layer);
        const read: SlotDelta['read'] = (...range) => readValues(lora.store, ...range);
        deltas.set(at, [...(deltas.get(at) ?? []), { pair, scale, rows, columns, read }]);
      }
    }
  }
  const withDeltas = (part: string, bound: BoundSlot): MergedSlot => {
    const own = deltas.get(`${part}/${bound.slot.name}`);
    return own === undefined ? bound : { ...bound, deltas: own };
  };
  const parts = [...binding.parts].map(([part, slots]) => [part, slots.map((slot) => withDeltas(part, slot))] as const);
  return { parts: new Map(parts), unused: [...binding.unused, ...unused] };
}

/** The rows of `up` and columns of `down` that each slot takes. */
function cutPair(pair: LoraPair, { claims, part }: LoraTarget): BoundSlot[] {
  const { file, layer, outFeatures, inFeatures } = pair;
  const expected = sharedShape(claims);
  if (expected[0] === outFeatures && expected[1] === inFeatures) return cutAmong(claims, layer);
  throw new FormatError(
    `${file}: ${layer} must change weights of [${expected.join(', ')}], got [${outFeatures}, ${inFeatures}]; it was made for another model`,
    {
      code: 'format/shape-mismatch',
      details: { name: file, layer, part, expected, got: [outFeatures, inFeatures] },
    },
  );
}

function tensorsOf({ down, up, alpha }: LoraPair): string[] {
  return [down, up, ...(alpha === undefined ? [] : [alpha])];
}

function unknownLayer({ file, layer }: LoraPair): FormatError {
  return new FormatError(
    `${file}: ${layer} must be a linear layer of this model, got a name it does not have; leaving it out would draw other pictures`,
    { code: 'format/tensor-unexpected', details: { name: file, layer } },
  );
}

function changedTwice({ file, layer }: LoraPair, other: string): FormatError {
  return new FormatError(`${file}: each weight must be changed once, got ${other} and ${layer} for the same`, {
    code: 'format/tensor-unexpected',
    details: { name: file, layers: [other, layer] },
  });
}
