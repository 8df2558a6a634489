import type { WeightClass } from 'flux-srpo';

/**
 * How an import was set up, so that the page can say after a reload what to choose again. Names of files only: neither their contents nor
 * paths nor URLs, and never the token.
 */
export interface RememberedImport {
  dtype: WeightClass;
  names: string[];
}

const key = (id: string) => `flux-srpo import ${id}`;

export function remember(id: string, setup: RememberedImport): void {
  localStorage.setItem(key(id), JSON.stringify(setup));
}

export function recall(id: string): RememberedImport | undefined {
  const text = localStorage.getItem(key(id));
  return text === null ? undefined : JSON.parse(text);
}

export function forget(id: string): void {
  localStorage.removeItem(key(id));
}
