import { isFluxError, MAX_MANIFEST_BYTES, ModelError } from '@flux-srpo/core';
import type { ByteSource, Bytes } from '@flux-srpo/formats';
import type { BundleFiles } from './bundle-files.ts';

/** The text of `manifest.json` and its bytes, whose hash is the bundle's identity. */
export async function readManifest(files: BundleFiles): Promise<{ bytes: Bytes; json: string }> {
  let source: ByteSource;
  try {
    source = await files.open('manifest.json');
  } catch (cause) {
    if (!isFluxError(cause, 'model/file-missing')) throw cause;
    throw new ModelError(
      `there is no model at ${files.name}: manifest.json is missing; check the address, or convert a model to it`,
      {
        code: 'model/not-found',
        details: { bundle: files.name },
        cause,
      },
    );
  }
  try {
    if (source.size > MAX_MANIFEST_BYTES) {
      throw new ModelError(
        `manifest: the document must be at most ${MAX_MANIFEST_BYTES} bytes, got ${source.size}; is this a bundle?`,
        {
          code: 'model/manifest-invalid',
          details: { field: '', expected: MAX_MANIFEST_BYTES, got: source.size },
        },
      );
    }
    const bytes = await source.read(0, source.size);
    return { bytes, json: decodeUtf8(bytes) };
  } finally {
    await source.close?.();
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ModelError('manifest: the document must be UTF-8, got other bytes; is this a bundle?', {
      code: 'model/manifest-invalid',
      details: { field: '', expected: 'UTF-8' },
      cause,
    });
  }
}
