import type { WeightClass } from '@flux-srpo/core';
import { type BundleSink, convertPipeline, type LoraSource, type SourceFolder } from '@flux-srpo/export';
import { bytesSink, bytesSource } from '@flux-srpo/formats';
import { type Bundle, openBundle } from '@flux-srpo/runtime';
import { blobBundle } from './blob-bundle.ts';
import type { PipelineFolder } from './synthesize.ts';

/** The files of a bundle, by path. */
export type BundleFolder = Map<string, Uint8Array<ArrayBuffer>>;

export interface ConvertInMemoryOptions {
  dtype: WeightClass;
  bake?: boolean;
  safetyChecker?: SourceFolder;
  loras?: readonly LoraSource[];
}

/**
 * Converts a folder to a bundle with the real converter and no disk: the same in Node and in a
 * browser.
 */
export async function convertInMemory(
  folder: PipelineFolder,
  { dtype, bake = false, safetyChecker, loras = [] }: ConvertInMemoryOptions,
): Promise<BundleFolder> {
  const source: SourceFolder = {
    list: async () => [...folder.keys()],
    open: async (path) => bytesSource(folder.get(path)!, path),
  };
  const files: BundleFolder = new Map();
  const sink: BundleSink = {
    async create(path) {
      const memory = bytesSink();
      return {
        write: memory.write,
        async close() {
          files.set(path, memory.bytes());
        },
      };
    },
    async commit() {},
    async abort() {
      files.clear();
    },
  };
  await convertPipeline(source, sink, { dtype, bake, safetyChecker, loras });
  return files;
}

export function openInMemory(files: BundleFolder): Promise<Bundle> {
  return openBundle(blobBundle(new Map([...files].map(([path, bytes]) => [path, new Blob([bytes])]))));
}
