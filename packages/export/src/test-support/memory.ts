import { type ByteSink, bytesSink, bytesSource } from '@flux-srpo/formats';
import type { BundleSink } from '../bundle/bundle-sink.ts';
import type { SourceFolder } from '../sources/source-folder.ts';

/** Path → content. */
export type Files = Map<string, Uint8Array>;

export function memorySource(files: Files): SourceFolder {
  return {
    list: async () => [...files.keys()],
    open: async (path) => bytesSource(files.get(path)!, path),
  };
}

export interface MemoryBundle extends BundleSink {
  files: Files;
  state: 'open' | 'committed' | 'aborted';
}

export function memoryBundle(): MemoryBundle {
  const bundle: MemoryBundle = {
    files: new Map(),
    state: 'open',
    async create(path): Promise<ByteSink> {
      const sink = bytesSink();
      return {
        write: (bytes) => sink.write(bytes),
        close: async () => void bundle.files.set(path, sink.bytes()),
      };
    },
    async commit() {
      bundle.state = 'committed';
    },
    async abort() {
      bundle.state = 'aborted';
      bundle.files.clear();
    },
  };
  return bundle;
}

export function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
