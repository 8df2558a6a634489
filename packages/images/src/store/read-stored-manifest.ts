import { type Manifest, ModelError, parseManifest } from '@flux-srpo/core';

/** The manifest of these bytes, which were stored. */
export function parseStoredManifest(bytes: Uint8Array | undefined): Manifest {
  if (bytes !== undefined) return parseManifest(new TextDecoder().decode(bytes));
  throw new ModelError('manifest.json is missing; fetch the model again, or remove what is stored of it', {
    code: 'model/file-missing',
    details: { path: 'manifest.json' },
  });
}
