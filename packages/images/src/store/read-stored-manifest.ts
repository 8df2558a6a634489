import { MAX_MANIFEST_BYTES, type Manifest, ModelError, parseManifest } from '@flux-srpo/core';

/** The manifest in a stored file. No more of the file is read than the longest manifest has. */
export async function readStoredManifest(file: Blob | undefined): Promise<Manifest> {
  const part = file?.slice(0, MAX_MANIFEST_BYTES + 1);
  return parseStoredManifest(part && new Uint8Array(await part.arrayBuffer()));
}

/** The manifest of these bytes, which were stored. */
export function parseStoredManifest(bytes: Uint8Array | undefined): Manifest {
  if (bytes !== undefined) return parseManifest(new TextDecoder().decode(bytes));
  throw new ModelError('manifest.json is missing; remove what is stored of the model', {
    code: 'model/file-missing',
    details: { path: 'manifest.json' },
  });
}
