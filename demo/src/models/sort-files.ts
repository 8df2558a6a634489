import type { Picked } from './read-picked.ts';

/** What one file is, named as in `ImportSources`. */
export type Role = 'transformer' | 't5' | 'clip' | 'vae' | 'checkpoint';

export type FolderRole = 'folder' | 'tokenizers' | 'safetyChecker';

/** Something to import: a weight file, a folder by the library's paths, or the model's JSON. */
export type Chosen =
  | { kind: 'file'; role: Role; file: File }
  | { kind: 'folder'; role: FolderRole; name: string; files: Record<string, File> }
  | { kind: 'info'; file: File };

export function nameOf(entry: Chosen): string {
  return entry.kind === 'folder' ? entry.name : entry.file.name;
}

/**
 * The choice with more files. A new entry replaces one of the same name, or a folder of the same
 * kind. `leftOut` are paths of files that are of no use.
 */
export function addFiles(
  before: readonly Chosen[],
  picked: readonly Picked[],
): { chosen: Chosen[]; leftOut: string[] } {
  const { chosen, unknown } = sortFiles(picked);
  const place = (entry: Chosen) => (entry.kind === 'folder' ? entry.role : entry.file.name);
  const taken = new Set(chosen.map(place));
  return { chosen: [...before.filter((entry) => !taken.has(place(entry))), ...chosen], leftOut: unknown };
}

const TOKENIZER = /(?:^|\/)(tokenizer(?:_2)?\/[^/]+)$/;

/** Recognizes what was picked. `unknown` are paths of files that are of no use. */
function sortFiles(picked: readonly Picked[]): { chosen: Chosen[]; unknown: string[] } {
  const chosen: Chosen[] = [];
  const left = new Map(picked.map(({ path, file }) => [path, file]));
  /** Takes everything in the folder that has a file with the path `mark`. */
  const takeFolder = (role: FolderRole, mark: string): void => {
    const marker = [...left.keys()].find((path) => path === mark || path.endsWith(`/${mark}`));
    if (marker === undefined) return;
    const root = marker.slice(0, -mark.length);
    const inside = [...left].filter(([path]) => path.startsWith(root));
    const files = Object.fromEntries(inside.map(([path, file]) => [path.slice(root.length), file]));
    for (const [path] of inside) left.delete(path);
    chosen.push({ kind: 'folder', role, name: root.slice(0, -1) || mark, files });
  };
  takeFolder('folder', 'model_index.json');
  takeFolder('safetyChecker', 'safety_checker.json');
  const tokenizers = [...left].flatMap(([path, file]) => {
    const inside = TOKENIZER.exec(path)?.[1];
    if (inside !== undefined) left.delete(path);
    return inside === undefined ? [] : [[inside, file] as const];
  });
  if (tokenizers.length > 0) {
    chosen.push({ kind: 'folder', role: 'tokenizers', name: 'tokenizers', files: Object.fromEntries(tokenizers) });
  }
  const unknown: string[] = [];
  for (const [path, file] of left) {
    if (/\.(?:safetensors|sft|gguf)$/i.test(file.name)) chosen.push({ kind: 'file', role: guessRole(file.name), file });
    else if (/info\.json$/i.test(file.name)) chosen.push({ kind: 'info', file });
    else unknown.push(path);
  }
  return { chosen, unknown };
}

/** Guesses by the names under which such files are published. The user can change it. */
function guessRole(name: string): Role {
  if (/t5/i.test(name)) return 't5';
  if (/clip/i.test(name)) return 'clip';
  if (/^ae\b|vae|autoencoder/i.test(name)) return 'vae';
  return 'transformer';
}
