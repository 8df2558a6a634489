import { FLUX1_DEV, type ModelConfig, type WeightClass } from '@flux-srpo/core';
import { synthesizeBundle, virtualBundle } from '@flux-srpo/export';
import { bytesSink } from '@flux-srpo/formats';
import type { BundleFiles } from '@flux-srpo/runtime';
import { folderBundle } from '@flux-srpo/runtime/node';
import { blobBundle } from '../../test/support/blob-bundle.ts';

/**
 * The files of a bundle on disk, whole or written by `synth --virtual`. Without a folder: a virtual
 * bundle in memory, which takes a minute to make for FLUX.1 [dev].
 */
export async function modelFiles(
  folder: string | undefined,
  config: ModelConfig = FLUX1_DEV,
  dtype: WeightClass = 'q4',
): Promise<BundleFiles> {
  return virtualBundle(folder === undefined ? await virtualFiles(config, dtype) : folderBundle(folder));
}

/** The files that `synth --virtual` writes: all but the weights. */
async function virtualFiles(config: ModelConfig, dtype: WeightClass): Promise<BundleFiles> {
  const files = new Map<string, Blob>();
  await synthesizeBundle(
    config,
    {
      async create(path) {
        const sink = bytesSink();
        return { write: sink.write, close: async () => void files.set(path, new Blob([sink.bytes()])) };
      },
      commit: async () => {},
      abort: async () => {},
    },
    { dtype, virtual: true },
  );
  return blobBundle(files, 'virtual');
}

/** The same files, with a count of the bytes that were read. */
export function counted(files: BundleFiles): { files: BundleFiles; sent: () => number } {
  let bytes = 0;
  const open: BundleFiles['open'] = async (...args) => {
    const source = await files.open(...args);
    return {
      ...source,
      read: (offset, length, signal) => {
        bytes += length;
        return source.read(offset, length, signal);
      },
    };
  };
  return { files: { name: files.name, open }, sent: () => bytes };
}
