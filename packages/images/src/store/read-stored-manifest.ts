import { MAX_MANIFEST_BYTES, type Manifest, ModelError, parseManifest } from '@flux-srpo/core';

/** The manifest in a stored file. No more of the file is read than the longest manifest has. */
export async function readStoredManifest(file: Blob | undefined): Promise<Manifest> {
  if (file !== undefined) return parseManifest(await file.slice(0, MAX_MANIFEST_BYTES + 1).text());
  throw new ModelError('manifest.json is missing; remove what is stored of the model', {
    code: 'model/file-missing',
    details: { path: 'manifest.json' },
  });
}
