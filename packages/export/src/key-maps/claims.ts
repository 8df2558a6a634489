import type { PartPlan, WeightSlot } from '../graphs/slots.ts';
import type { BoundSlot, Range } from './binding.ts';
import { matchPattern, sourceName } from './lookup.ts';
import type { Component } from './namings.ts';
import type { KeyRule } from './rules.ts';

/** A slot, the rule that fills it, and the tensor's name by that rule. */
export interface Claim {
  slot: WeightSlot;
  rule: KeyRule;
  component: Component;
  from: string;
}

/** The slots of a part that these rules fill, in the order of the rules. */
export function findClaims(part: PartPlan, component: Component, rules: readonly KeyRule[]): Claim[] {
  const claims: Claim[] = [];
  for (const rule of rules) {
    const i = matchPattern(rule.part, part.name);
    if (i === undefined) continue;
    for (const slot of part.slots) {
      const j = matchPattern(rule.slot, slot.name) ?? matchPattern(rule.slot, withoutChunk(slot.name));
      if (j === undefined) continue;
      claims.push({ slot, rule, component, from: sourceName(rule, i, j) });
    }
  }
  return claims;
}

/** `img_mlp.0.1.weight` → `img_mlp.0.weight` */
function withoutChunk(slotName: string): string {
  return slotName.replace(/\.\d+(\.[a-z]+)$/, '$1');
}

/** Claims grouped by the tensor that they share. */
export function groupBySource(claims: readonly Claim[]): Claim[][] {
  const groups = new Map<string, Claim[]>();
  for (const claim of claims) groups.set(claim.from, [...(groups.get(claim.from) ?? []), claim]);
  return [...groups.values()];
}

/** The shape that a tensor must have for the slots that share it. */
export function sharedShape(claims: readonly Claim[]): number[] {
  const { rule, slot } = claims[0]!;
  const shape = [...slot.shape];
  const axis = cutAxis(rule);
  if (rule.cut) shape[axis] = claims.reduce((sum, claim) => sum + claim.slot.shape[axis]!, 0);
  return shape;
}

/** The rows and columns of a shared tensor that each slot takes. */
export function cutAmong(claims: readonly Claim[], name: string): BoundSlot[] {
  const { component, rule } = claims[0]!;
  const axis = cutAxis(rule);
  const [rowCount, ...inner] = sharedShape(claims) as [number, ...number[]];
  const rowLength = inner.reduce((product, dim) => product * dim, 1);
  let start = 0;
  return claims.map(({ slot }) => {
    const end = start + slot.shape[axis]!;
    const rows = rule.cut === 'rows' ? [[start, end] as const] : [[0, rowCount] as const];
    const columns = rule.cut === 'columns' ? ([start, end] as const) : ([0, rowLength] as const);
    start = end;
    return {
      slot,
      component,
      tensor: name,
      rows: rule.swapHalves ? halvesSwapped(rowCount) : rows,
      rowLength,
      columns,
    };
  });
}

function cutAxis({ cut }: KeyRule): 0 | 1 {
  return cut === 'columns' ? 1 : 0;
}

function halvesSwapped(rowCount: number): Range[] {
  return [
    [rowCount / 2, rowCount],
    [0, rowCount / 2],
  ];
}
