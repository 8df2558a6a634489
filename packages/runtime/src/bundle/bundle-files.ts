import type { ByteSource } from '@flux-srpo/formats';
import { blobSource } from '@flux-srpo/formats';
import { ModelError } from '@flux-srpo/core';

/** Where the files of a bundle come from. Nothing here is trusted: sizes and hashes are checked by whoever reads. */
export interface BundleFiles {
  /** For messages: a URL, a folder name. */
  readonly name: string;
  /** Rejects with `model/file-missing` where there is no such file. */
  open(path: string): Promise<ByteSource>;
}

/** A bundle in memory, or picked by the user: path → contents. */
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

export function fileMissing(name: string, path: string, cause?: unknown): ModelError {
  return new ModelError(`${path} is missing in ${name}`, {
    code: 'model/file-missing',
    details: { bundle: name, path },
    cause,
  });
}
