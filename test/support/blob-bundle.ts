import { blobSource } from '@flux-srpo/formats';
import type { BundleFiles } from '@flux-srpo/runtime';
import { fileMissing } from '../../packages/runtime/src/bundle/bundle-files.ts';

/** A bundle in memory: path → contents. */
export function blobBundle(files: ReadonlyMap<string, Blob>, name = 'files'): BundleFiles {
  return {
    name,
    async open(path) {
      const blob = files.get(path);
      if (blob === undefined) throw fileMissing(name, path);
      return blobSource(blob, path);
    },
  };
}
