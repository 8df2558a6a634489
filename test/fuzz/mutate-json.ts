import { jsonBytes, parseJson } from './targets/target.ts';

/** Values at which readers of JSON tend to go wrong. */
const ODD: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  1e308,
  '',
  'a',
  '\0',
  '\ud800',
  '__proto__',
  'x'.repeat(2000),
  [],
  {},
  [[]],
  [null],
  { length: 1 },
];

/**
 * The JSON with one to three mistakes of shape: a value of another kind, one repeated, lost, or
 * under another name. Undefined where the bytes are not JSON.
 */
export function mutateJson(bytes: Uint8Array, below: (n: number) => number): Uint8Array | undefined {
  const parsed: { json?: unknown } | undefined = parseJson(bytes);
  if (parsed === undefined) return undefined;
  for (let left = 1 + below(3); left > 0; left--) change(parsed, below);
  return jsonBytes(parsed.json ?? null);
}

/** Changes one place inside an array or an object. */
function change(root: unknown, below: (n: number) => number): void {
  const places: [Record<string, unknown>, string][] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      places.push([node as Record<string, unknown>, key]);
      visit(value);
    }
  };
  visit(root);
  if (places.length === 0) return;
  const [node, key] = places[below(places.length)]!;
  const [other, otherKey] = places[below(places.length)]!;
  switch (below(5)) {
    case 0:
      if (Array.isArray(node)) node.splice(Number(key), 1);
      else delete node[key];
      break;
    case 1:
      // A copy, or a value would hold itself.
      node[key] = structuredClone(other[otherKey]);
      break;
    case 2:
      if (Array.isArray(node)) node.push(structuredClone(node[Number(key)]));
      else node[`${key}x`] = node[key];
      break;
    default:
      node[key] = structuredClone(ODD[below(ODD.length)]);
  }
}
