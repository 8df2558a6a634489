import { FormatError } from '@flux-srpo/core';
import type { PartPlan, WeightSlot } from '../graphs/slots.ts';
import type { SlotDelta } from '../lora/slot-delta.ts';
import { COMPONENTS, type Component, type Naming, namingOf, type TensorShapes } from './index.ts';
import { findName, matchPattern, sourceName } from './lookup.ts';
import type { KeyRule } from './rules.ts';

/** Half-open. */
export type Range = readonly [start: number, end: number];

/** A weight slot and the piece of the checkpoint that fills it. */
export interface BoundSlot {
  readonly slot: WeightSlot;
  readonly component: Component;
  /** The tensor's name as the file has it. */
  readonly tensor: string;
  /** Rows to read, in this order; a row is everything under one index of the first dimension. */
  readonly rows: readonly Range[];
  /** Elements in a row of the tensor. */
  readonly rowLength: number;
  /** Those of them that the slot takes. */
  readonly columns: Range;
  /** What LoRAs add to it, in their order. */
  readonly deltas?: readonly SlotDelta[];
}

/** A tensor of the checkpoint that does not enter the bundle. */
export interface UnusedTensor {
  readonly component: Component;
  readonly tensor: string;
  readonly reason: string;
}

export interface Binding {
  /** By part name, in the order of the part's slots. */
  readonly parts: ReadonlyMap<string, readonly BoundSlot[]>;
  readonly unused: readonly UnusedTensor[];
}

/** A slot, the rule that fills it and the tensor's name under that rule. */
export interface Claim {
  slot: WeightSlot;
  rule: KeyRule;
  component: Component;
  from: string;
}

/**
 * Finds every slot's tensor, and accounts for every tensor: it fills slots completely, or is known to be unneeded and
 * listed, or is refused by name.
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

/** The rule for each slot of a part, in the order of the rules. */
function claimsOf(part: PartPlan, namings: ReadonlyMap<Component, Naming>): Claim[] {
  const claims = [...namings].flatMap(([component, { rules }]) => findClaims(part, component, rules));
  const claimed = new Set(claims.map((claim) => claim.slot));
  const orphan = part.slots.find((slot) => !claimed.has(slot));
  if (orphan) throw new Error(`no key rule fills ${part.name}/${orphan.name}`);
  return claims;
}

/** What these rules fill of a part, in their order. */
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

/** The slots that share a tensor, for each tensor. */
export function groupBySource(claims: readonly Claim[]): Claim[][] {
  const groups = new Map<string, Claim[]>();
  for (const claim of claims) groups.set(claim.from, [...(groups.get(claim.from) ?? []), claim]);
  return [...groups.values()];
}

/** The tensors of one component, and which of them slots have taken so far. */
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
    throw new FormatError(`${component} has no tensor ${from}, which ${part}/${firstSlot.name} needs`, {
      code: 'format/tensor-missing',
      details: { component, part, slot: firstSlot.name, tensor: from },
    });
  }
  if (used.has(name)) throw new Error(`two parts claim ${component}/${name}`);
  used.add(name);

  const expected = sharedShape(claims);
  if (!sameShape(expected, shape)) {
    throw new FormatError(
      `${component}/${name} has the wrong shape for ${part}/${firstSlot.name}: expected [${squeeze(expected)}], got [${shape}]`,
      {
        code: 'format/shape-mismatch',
        details: { component, part, slot: firstSlot.name, tensor: name, expected, got: shape },
      },
    );
  }
  return cutAmong(claims, name);
}

/** The shape of the tensor that slots with one source share. */
export function sharedShape(claims: readonly Claim[]): number[] {
  const { rule, slot } = claims[0]!;
  const shape = [...slot.shape];
  const axis = cutAxis(rule);
  if (rule.cut) shape[axis] = claims.reduce((sum, claim) => sum + claim.slot.shape[axis]!, 0);
  return shape;
}

/** What each of them takes of it. */
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

/** Dimensions of 1 do not move data: a 1×1 convolution kernel is a matrix, a broadcast scale is a vector. */
function sameShape(a: readonly number[], b: readonly number[]): boolean {
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
