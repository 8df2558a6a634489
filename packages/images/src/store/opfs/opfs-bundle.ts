import { ModelError } from '@flux-srpo/core';
import { blobSource } from '@flux-srpo/formats';
import type { BundleFiles } from '@flux-srpo/runtime';
import { findFile } from './opfs-files.ts';
import { openModelFolder, opfsUrl } from './opfs-models.ts';

/** The files of an imported model. They are verified as they are read, like those of any bundle. */
export async function openOpfsBundle(id: string): Promise<BundleFiles> {
  const folder = await openModelFolder(id);
  const name = opfsUrl(id);
  return {
    name,
    async open(path) {
      const file = await findFile(folder, path);
      if (file !== undefined) return blobSource(file, path);
      throw new ModelError(`${path} is missing in ${name}; remove the model and import it again`, {
        code: 'model/file-missing',
        details: { bundle: name, path },
      });
    },
  };
}
