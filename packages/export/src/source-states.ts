import { InputError } from '@flux-srpo/core';
import type { ByteSource } from '@flux-srpo/formats';
import type { PipelineSource } from './source.ts';

/** What a file of the source was when it was opened. */
export interface FileState {
  readonly size: number;
  /** Undefined where the place does not say. */
  readonly version: string | undefined;
}

/** A pipeline, and what each of its files was when it was first opened. */
export interface WatchedSource {
  readonly source: PipelineSource;
  readonly states: ReadonlyMap<string, FileState>;
  /** Throws for a file that is no longer what it was: some of its tensors are of another state than others. */
  assertUnchanged(): Promise<void>;
}

export function watchSource(original: PipelineSource): WatchedSource {
  const states = new Map<string, FileState>();
  const stateOf = ({ size, version }: ByteSource): FileState => ({ size, version });
  return {
    source: {
      ...original,
      async open(path) {
        const file = await original.open(path);
        if (!states.has(path)) states.set(path, stateOf(file));
        return file;
      },
    },
    states,
    async assertUnchanged() {
      for (const [path, before] of states) {
        const file = await original.open(path);
        await file.close?.();
        const now = stateOf(file);
        if (now.size === before.size && now.version === before.version) continue;
        throw new InputError(`${path} must not change while it is converted, and it did; run the conversion again`, {
          code: 'input/conflict',
          details: { path, before, now },
        });
      }
    },
  };
}
