import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ModelError } from '@flux-srpo/core';
import { fileSource } from '@flux-srpo/formats/node';
import { type BundleFiles, fileMissing } from './bundle-files.ts';

/** A bundle on disk (Node). A manifest's paths cannot leave the folder. */
export function folderBundle(folder: string): BundleFiles {
  const name = basename(folder);
  return {
    name,
    async open(path) {
      const full = join(folder, path);
      const info = await stat(full).catch((cause: unknown) => {
        throw fileMissing(name, path, { cause });
      });
      if (!info.isFile()) {
        throw new ModelError(`${path} in ${name} must be a file, got something else; convert the model again`, {
          code: 'model/file-missing',
          details: { path },
        });
      }
      return fileSource(full);
    },
  };
}
