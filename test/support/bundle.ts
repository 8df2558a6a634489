import type { WeightClass } from '@flux-srpo/core';
import { type BundleSink, type ClassMap, convertPipeline, type LoraSource, type SourceFolder } from '@flux-srpo/export';
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
  classMap?: Partial<ClassMap>;
}

/**
 * Converts a folder to a bundle with the real converter and no disk: the same in Node and in a
 * browser.
 *
 * @param folder its files, or what `combineSources` made of it and of files in its place
 */
export async function convertInMemory(
  folder: PipelineFolder | SourceFolder,
  { dtype, bake = false, safetyChecker, loras = [], classMap = {} }: ConvertInMemoryOptions,
): Promise<BundleFolder> {
  const source = folder instanceof Map ? memoryFolder(folder) : folder;
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
  await convertPipeline(source, sink, { dtype, bake, safetyChecker, loras, classMap });
  return files;
}

/** A folder of files in memory, as the converter reads it. */
export function memoryFolder(files: PipelineFolder): SourceFolder {
  return {
    list: async () => [...files.keys()],
    open: async (path) => bytesSource(files.get(path)!, path),
  };
}

export function openInMemory(files: BundleFolder): Promise<Bundle> {
  return openBundle(blobBundle(new Map([...files].map(([path, bytes]) => [path, new Blob([bytes])]))));
}
