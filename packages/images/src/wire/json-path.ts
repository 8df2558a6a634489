/** A place in a JSON body: keys joined by dots, or places in lists (`detail.0.msg`). */
export type Path = string;

/** What stands at `path`, among the own fields of plain JSON; `undefined` when nothing does. */
export function readPath(value: unknown, path: Path): unknown {
  let at = value;
  for (const key of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string, unknown>)[key];
  }
  return at;
}

/** Puts `value` at `path`, with the objects on the way. */
export function writePath(target: Record<string, unknown>, path: Path, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop() as string;
  let at = target;
  for (const key of keys) {
    at[key] ??= {};
    at = at[key] as Record<string, unknown>;
  }
  at[last] = value;
}
