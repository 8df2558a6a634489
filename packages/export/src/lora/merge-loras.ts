import { FormatError, formatCount } from '@flux-srpo/core';
import type { PartPlan } from '../graphs/slots.ts';
import { sameShape } from '../key-maps/bind-parts.ts';
import type { Binding, BoundSlot, UnusedTensor } from '../key-maps/binding.ts';
import { cutAmong, sharedShape } from '../key-maps/claims.ts';
import { type Change, changesOf } from './changes.ts';
import { isZero, someZero } from './is-zero.ts';
import type { MergedSlot, SlotDelta } from './merged-slot.ts';
import type { OpenLora } from './open-loras.ts';
import { type FindTarget, type LoraTarget, loraTargets } from './targets.ts';

/**
 * The same binding with what the LoRAs add at the slots that they change. A LoRA is cut into slots
 * by its own naming, so the checkpoint's naming does not matter. Each tensor of a LoRA changes a
 * layer of this model, is listed as unneeded, or is refused by name.
 */
export async function mergeLoras(
  binding: Binding,
  plan: readonly PartPlan[],
  loras: readonly OpenLora[],
  signal?: AbortSignal,
): Promise<Binding<MergedSlot>> {
  if (loras.length === 0) return binding;
  const findTarget = loraTargets(plan);
  /** By `part/slot`. */
  const deltas = new Map<string, SlotDelta[]>();
  const unused: UnusedTensor[] = [];
  for (const lora of loras) {
    for (const each of await mergeLora(lora, findTarget, deltas, signal)) {
      unused.push({ ...each, tensor: `${lora.record.name}: ${each.tensor}` });
    }
  }
  const withDeltas = (part: string, bound: BoundSlot): MergedSlot => {
    const own = deltas.get(`${part}/${bound.slot.name}`);
    return own === undefined ? bound : { ...bound, deltas: own };
  };
  const parts = [...binding.parts].map(([part, slots]) => [part, slots.map((slot) => withDeltas(part, slot))] as const);
  return { parts: new Map(parts), unused: [...binding.unused, ...unused] };
}

/** What of each LoRA is not merged, and why, as a sentence for each reason. */
export function leftOutOf(loras: readonly OpenLora[], unused: readonly UnusedTensor[]): string[] {
  const sentences = loras.map(({ record: { name } }) => {
    const counts = new Map<string, number>();
    for (const { tensor, reason } of unused) {
      if (tensor.startsWith(`${name}: `)) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    return [...counts].map(([reason, count]) => `${formatCount(count, 'tensor')} of ${name}: ${reason}`);
  });
  return [...new Set(sentences.flat())];
}

/** Adds to `deltas` what one LoRA changes, and returns what it does not need. */
async function mergeLora(
  lora: OpenLora,
  findTarget: FindTarget,
  deltas: Map<string, SlotDelta[]>,
  signal?: AbortSignal,
): Promise<UnusedTensor[]> {
  const file = lora.record.name;
  const unused: UnusedTensor[] = lora.unused.map((each) => ({ component: 'text_encoder', ...each }));
  for (const tensor of lora.unknown) {
    if (!(await isZero(lora.store, tensor, signal))) throw unknownTensor(file, tensor);
    unused.push({ component: 'transformer', tensor, reason: ALL_ZEROS });
  }
  /** `part/slot` → the layer by which this LoRA changes it. */
  const changed = new Map<string, string>();
  for (const change of changesOf(lora)) {
    const leaveOut = (component: UnusedTensor['component'], reason: string) =>
      unused.push(...change.tensors.map((tensor) => ({ component, tensor, reason })));
    const target = findTarget(change.layer, change.changes);
    if (target !== undefined && 'reason' in target) {
      leaveOut(target.component, target.reason);
      continue;
    }
    const misfit = target === undefined ? unknownLayer(file, change.layer) : wrongShape(file, change, target);
    if (misfit !== undefined) {
      const encoder = findTarget.encoderOf(change.layer);
      if (encoder !== undefined) leaveOut(encoder, 'made for another text encoder');
      else if (await someZero(lora.store, change.factors, signal)) leaveOut('transformer', ALL_ZEROS);
      else throw misfit;
      continue;
    }
    const { claims, part } = target as LoraTarget;
    for (const slot of cutAmong(claims, change.layer)) {
      const at = `${part}/${slot.slot.name}`;
      const other = changed.get(at);
      // A pair and a whole difference of one layer are two changes of one name.
      if (other !== undefined && other !== change.layer) throw changedTwice(file, change.layer, other);
      changed.set(at, change.layer);
      deltas.set(at, [...(deltas.get(at) ?? []), change.deltaOf(slot)]);
    }
  }
  return unused;
}

const ALL_ZEROS = 'all zeros, which change nothing';

/** The error for a change of weights of another shape. */
function wrongShape(file: string, { layer, shape }: Change, { claims, part }: LoraTarget): FormatError | undefined {
  const expected = sharedShape(claims);
  if (sameShape(expected, shape)) return undefined;
  const got = shape.join(', ');
  return new FormatError(
    `${file}: ${layer} must change weights of [${expected.join(', ')}], got [${got}]; it was made for another model`,
    { code: 'format/shape-mismatch', details: { name: file, layer, part, expected, got: [...shape] } },
  );
}

function unknownLayer(file: string, layer: string): FormatError {
  return new FormatError(
    `${file}: ${layer} must be a layer of this model, got a name it does not have; leaving it out would draw other pictures`,
    { code: 'format/tensor-unexpected', details: { name: file, layer } },
  );
}

function unknownTensor(file: string, tensor: string): FormatError {
  return new FormatError(
    `${file}: ${tensor} must be named as one of two low-rank matrices, their alpha (lora_down and lora_up, lora_A and lora_B) or a difference (diff, diff_b); is it a LoRA?`,
    { code: 'format/tensor-unexpected', details: { name: file, tensor } },
  );
}

function changedTwice(file: string, layer: string, other: string): FormatError {
  return new FormatError(
    `${file}: each weight must be changed once, got ${other} and ${layer} for the same; the LoRA is damaged`,
    {
      code: 'format/tensor-unexpected',
      details: { name: file, layers: [other, layer] },
    },
  );
}
