import { type ByteSource, checkRange, truncated } from '@flux-srpo/formats';
import { type BundleFiles, fileMissing } from '@flux-srpo/runtime/bundle';
import { findHandle, readFile } from './opfs-files.ts';
import { openModelFolder, opfsUrl } from './opfs-models.ts';

/** The files of an imported model. They are verified as they are read, like those of any bundle. */
export async function openOpfsBundle(id: string): Promise<BundleFiles> {
  const folder = await openModelFolder(id);
  const name = opfsUrl(id);
  return {
    name,
    async open(path) {
      const file = await findHandle(folder, path);
      if (file === undefined) throw fileMissing(name, path, { advice: 'remove the model and import it again' });
      const source: ByteSource = {
        name: path,
        size: (await file.getFile()).size,
        async read(offset, length, signal, into) {
          signal?.throwIfAborted();
          checkRange(source, offset, length);
          const bytes = await readFile(file, offset, length, into);
          if (bytes.length === length) return bytes;
          throw truncated(path, length, bytes.length);
        },
      };
      return source;
    },
  };
}
