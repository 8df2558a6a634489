import { ModelError } from '@flux-srpo/core';
import { blobSource } from '@flux-srpo/formats';
import type { BundleFiles } from '@flux-srpo/runtime';
import { findFile, openStored, storedModelUrl } from './stored-models.ts';

/** A model of the origin private file system. Like any bundle it is checked as it is read. */
export async function storedBundle(id: string): Promise<BundleFiles> {
  const folder = await openStored(id);
  const name = storedModelUrl(id);
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
