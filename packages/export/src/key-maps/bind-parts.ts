import { FormatError } from '@flux-srpo/core';
import type { PartPlan } from '../graphs/slots.ts';
import type { Binding, BoundSlot, UnusedTensor } from './binding.ts';
import { type Claim, cutAmong, findClaims, groupBySource, sharedShape } from './claims.ts';
import { findName } from './lookup.ts';
import { COMPONENTS, type Component, type Naming, namingOf, type TensorShapes } from './namings.ts';

/**
 * Finds the tensor of every slot and accounts for every tensor: each fills slots completely, is
 * listed as unneeded, or is refused by name.
 */
export function bindParts(parts: readonly PartPlan[], checkpoints: Readonly<Record<Component, TensorShapes>>): Binding {
  const used = new Map<Component, Set<string>>(COMPONENTS.map((component) => [component, new Set()]));
  const namings = new Map(COMPONENTS.map((component) => [component, namingOf(component, checkpoints[component])]));
  const bound = new Map<string, BoundSlot[]>();
  for (const part of parts) {
    const slots = new Map<string, BoundSlot>();
    for (const claims of groupBySource(claimsOf(part, namings))) {
      const { component } = claims[0]!;
      const source = { naming: namings.get(component)!, tensors: checkpoints[component], used: used.get(component)! };
      for (const slot of bindTensor(part.name, claims, source)) slots.set(slot.slot.name, slot);
    }
    bound.set(
      part.name,
      part.slots.map((slot) => slots.get(slot.name)!),
    );
  }
  const unused = COMPONENTS.flatMap((component) =>
    accountForRest(component, namings.get(component)!, checkpoints[component], used.get(component)!),
  );
  return { parts: bound, unused };
}

/** The claims on a part's slots, in the order of the rules. Every slot must have one. */
function claimsOf(part: PartPlan, namings: ReadonlyMap<Component, Naming>): Claim[] {
  const claims = [...namings].flatMap(([component, { rules }]) => findClaims(part, component, rules));
  const claimed = new Set(claims.map((claim) => claim.slot));
  const orphan = part.slots.find((slot) => !claimed.has(slot));
  if (orphan) throw new Error(`no key rule fills ${part.name}/${orphan.name}`);
  return claims;
}

/** One component's tensors, and those that slots have taken so far. */
interface BindingSource {
  naming: Naming;
  tensors: TensorShapes;
  used: Set<string>;
}

/** Cuts one tensor among the slots that claim it. */
function bindTensor(part: string, claims: readonly Claim[], { naming, tensors, used }: BindingSource): BoundSlot[] {
  const { from, component, slot: firstSlot } = claims[0]!;
  const name = findName(from, naming, tensors);
  const shape = name === undefined ? undefined : tensors.get(name)?.shape;
  if (name === undefined || shape === undefined) {
    throw new FormatError(
      `${component} must have a tensor ${from} for ${part}/${firstSlot.name}, got none; is it the right file, and whole?`,
      {
        code: 'format/tensor-missing',
        details: { component, part, slot: firstSlot.name, tensor: from },
      },
    );
  }
  if (used.has(name)) throw new Error(`two parts claim ${component}/${name}`);
  used.add(name);

  const expected = sharedShape(claims);
  if (!sameShape(expected, shape)) {
    throw new FormatError(
      `${component}/${name} must be [${squeeze(expected)}] for ${part}/${firstSlot.name}, got [${shape}]; use config and weights of one model`,
      {
        code: 'format/shape-mismatch',
        details: { component, part, slot: firstSlot.name, tensor: name, expected, got: shape },
      },
    );
  }
  return cutAmong(claims, name);
}

/** Compares shapes without 1s: a 1×1 kernel is a matrix, and a broadcast scale a vector. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return squeeze(a).join() === squeeze(b).join();
}

function squeeze(shape: readonly number[]): number[] {
  return shape.filter((dim) => dim !== 1);
}

function accountForRest(
  component: Component,
  { prefix = '', duplicates = {}, unused }: Naming,
  tensors: TensorShapes,
  used: ReadonlySet<string>,
): UnusedTensor[] {
  return [...tensors.keys()]
    .filter((tensor) => !used.has(tensor))
    .map((tensor) => {
      const name = tensor.startsWith(prefix) ? tensor.slice(prefix.length) : tensor;
      const original = duplicates[name];
      const reason =
        original === undefined
          ? unused.find((rule) => (rule.name.endsWith('.') ? name.startsWith(rule.name) : name === rule.name))?.reason
          : `a copy of ${original}`;
      if (reason !== undefined) return { component, tensor, reason };
      throw new FormatError(
        `${component} holds ${tensor}, which this architecture has no place for; leaving it out would draw other pictures`,
        { code: 'format/tensor-unexpected', details: { component, tensor } },
      );
    });
}
