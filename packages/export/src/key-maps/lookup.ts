import type { Naming, TensorShapes } from './namings.ts';
import type { KeyRule } from './rules.ts';

/** What `{i}` or `{j}` stands for, '' without one. Undefined where `name` does not match. */
export function matchPattern(pattern: string, name: string): string | undefined {
  const [before, after] = pattern.split(/\{[ij]\}/) as [string, string | undefined];
  if (after === undefined) return pattern === name ? '' : undefined;
  if (!name.startsWith(before) || !name.endsWith(after)) return undefined;
  const number = name.slice(before.length, name.length - after.length);
  return /^\d+$/.test(number) ? number : undefined;
}

/** What a rule calls the tensor that fills a slot. */
export function sourceName(rule: KeyRule, i: string, j: string): string {
  return rule.from.replace('{i}', i).replace('{j}', j);
}

/** The name that a file has for the tensor `from` of a rule. */
export function findName(from: string, naming: Naming, tensors: TensorShapes): string | undefined {
  const duplicate = Object.entries(naming.duplicates ?? {}).find(([, original]) => original === from)?.[0];
  const candidates = [from, `${naming.prefix ?? ''}${from}`, ...(duplicate ? [duplicate] : [])];
  return candidates.find((name) => tensors.has(name));
}

/** The tensor of a file that fills a slot of a part. */
export function tensorOf(naming: Naming, tensors: TensorShapes, part: string, slot: string): string | undefined {
  for (const rule of naming.rules) {
    const i = matchPattern(rule.part, part);
    const j = matchPattern(rule.slot, slot);
    if (i !== undefined && j !== undefined) return findName(sourceName(rule, i, j), naming, tensors);
  }
  return undefined;
}
