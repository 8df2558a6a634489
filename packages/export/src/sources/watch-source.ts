import { type ByteSource, changed, type FileState } from '@flux-srpo/formats';
import type { SourceFolder } from './source-folder.ts';

/** A folder whose files must not change while they are read. */
export interface WatchedSource {
  readonly source: SourceFolder;
  /** By path: size and version of each file when it was first opened. */
  readonly states: ReadonlyMap<string, FileState>;
  /** Throws where a file has changed since it was first opened: tensors of two states. */
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

/** Throws where a file has changed, and closes it then. */
export async function assertSame(file: ByteSource, name: string, before: FileState): Promise<void> {
  const now = stateOf(file);
  if (now.size === before.size && now.version === before.version) return;
  await file.close?.();
  throw changed(file.url ?? name, before, now);
}
