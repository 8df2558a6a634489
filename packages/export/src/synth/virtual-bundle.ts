import { isFluxError, MAX_MANIFEST_BYTES, type Manifest, ModelError, parseManifest } from '@flux-srpo/core';
import type { ByteSource } from '@flux-srpo/formats';
import { type PartPlan, planParts } from '../graphs/index.ts';
import { type ClassMap, resolveClass } from '../weight-classes/class-map.ts';
import { syntheticFile } from './synthetic-file.ts';
import { syntheticTensors } from './synthetic-tensors.ts';

/** Where the files of a bundle come from, as `openBundle` takes it. */
export interface Files {
  readonly name: string;
  open(path: string, size?: number): Promise<ByteSource>;
}

/**
 * The same files. Weights that a synthetic bundle lacks are made as they are read. The reader
 * checks their hashes like those of files on disk.
 */
export async function virtualBundle(files: Files): Promise<Files> {
  const manifest = await readManifest(files);
  if (manifest?.synthetic === undefined) return files;
  const weights = new Map(planParts(manifest.config).map((part) => [`weights/${part.name}.safetensors`, part]));
  const classMap = manifest.quantization.recipe as unknown as ClassMap;
  const { seed } = manifest.synthetic;
  return {
    name: files.name,
    async open(path, size) {
      try {
        return await files.open(path, size);
      } catch (error) {
        const part = weights.get(path);
        if (part === undefined || !isFluxError(error, 'model/file-missing')) throw error;
        return syntheticPart(part, classMap, seed);
      }
    },
  };
}

/** The weights of one part as a file of the bundle. */
export function syntheticPart(part: PartPlan, classMap: ClassMap, seed: number): ByteSource {
  const tensors = part.slots.flatMap((slot) =>
    syntheticTensors(slot, resolveClass(classMap, slot).used, part.name, seed),
  );
  return syntheticFile(tensors, `weights/${part.name}.safetensors`);
}

/** Undefined where there is none; whoever opens the bundle reports that. */
async function readManifest(files: Files): Promise<Manifest | undefined> {
  const source = await files.open('manifest.json').catch((error: unknown) => {
    if (isFluxError(error, 'model/file-missing')) return undefined;
    throw error;
  });
  if (source === undefined) return undefined;
  try {
    if (source.size > MAX_MANIFEST_BYTES) {
      throw new ModelError(
        `manifest: the document must be at most ${MAX_MANIFEST_BYTES} bytes, got ${source.size}; make the bundle again`,
        {
          code: 'model/manifest-invalid',
          details: { expected: MAX_MANIFEST_BYTES, got: source.size },
        },
      );
    }
    return parseManifest(new TextDecoder().decode(await source.read(0, source.size)));
  } finally {
    await source.close?.();
  }
}
