import { type ByteSource, changed, type FileState } from '@flux-srpo/formats';
import type { SourceFolder } from './source-folder.ts';

/** Files that must stay as they are for as long as they are read. */
export interface WatchedSource {
  readonly source: SourceFolder;
  /** What each file was when it was first opened, by its path. */
  readonly states: ReadonlyMap<string, FileState>;
  /** Throws for a file that is no longer what it was: some of its tensors are of another state than others. */
  assertUnchanged(): Promise<void>;
}

export function watchSource(original: SourceFolder): WatchedSource {
  const states = new Map<string, FileState>();
  const open = async (path: string): Promise<ByteSource> => {
    const file = await original.open(path);
    const before = states.get(path);
    if (before === undefined) states.set(path, stateOf(file));
    else await assertSame(file, path, before);
    return file;
  };
  return {
    source: { ...original, open },
    states,
    async assertUnchanged() {
      for (const path of states.keys()) await (await open(path)).close?.();
    },
  };
}

export function stateOf({ size, version }: ByteSource): FileState {
  return { size, version };
}

/** Throws where a file is not what it was, and closes it. */
export async function assertSame(file: ByteSource, name: string, before: FileState): Promise<void> {
  const now = stateOf(file);
  if (now.size === before.size && now.version === before.version) return;
  await file.close?.();
  throw changed(file.url ?? name, before, now);
}
