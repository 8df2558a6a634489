import type { WeightClass } from 'flux-srpo';
import { words } from '../words.ts';

/**
 * How an import was set up, so that the page can say after a reload what to choose again. Only
 * names of files are stored: no contents, no paths or URLs, and never the token. Where the browser
 * denies the page its storage, or an entry is damaged, nothing is remembered.
 */
export interface RememberedImport {
  dtype: WeightClass;
  names: string[];
  /** Absent where files or URLs were given. */
  recipe?: string;
}

const key = (id: string) => `flux-srpo import ${id}`;

export function remember(id: string, setup: RememberedImport): void {
  attempt(() => localStorage.setItem(key(id), JSON.stringify(setup)));
}

export function recall(id: string): RememberedImport | undefined {
  const setup = attempt<unknown>(() => JSON.parse(localStorage.getItem(key(id)) ?? 'null'));
  return isRemembered(setup) ? setup : undefined;
}

export function forget(id: string): void {
  attempt(() => localStorage.removeItem(key(id)));
}

function isRemembered(setup: unknown): setup is RememberedImport {
  const { dtype, names, recipe }: Record<string, unknown> = Object(setup);
  const isClass = typeof dtype === 'string' && Object.hasOwn(words.own.classes, dtype);
  if (recipe !== undefined && typeof recipe !== 'string') return false;
  return isClass && Array.isArray(names) && names.every((name) => typeof name === 'string');
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    // Nobody misses it: the page then asks for files and settings without saying what they were.
    return undefined;
  }
}
