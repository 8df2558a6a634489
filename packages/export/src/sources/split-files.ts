import { FormatError, InputError, isFluxError, ModelError } from '@flux-srpo/core';
import type { ByteSource } from '@flux-srpo/formats';
import type { TensorStore } from '../tensors/tensor-store.ts';
import type { SourceFolder } from './source-folder.ts';

/**
 * The parts into which llama.cpp cuts a GGUF file. Each says which it is of how many, and their
 * names tell where the others are.
 * @see https://github.com/ggml-org/llama.cpp/blob/ef035f7/src/llama.cpp `llama_split_path`
 */
const PART_NAME = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/** The name that the first of several parts has. */
export const FIRST_PART = /-00001-of-\d{5}\.gguf$/;

/** Parts have five digits in their names; a model of the family has at most some ten. */
const MAX_PARTS = 1000;

/** Paths of all parts of a file, in order: its own alone unless it says that it was cut. */
export function partsOf(path: string, { values }: TensorStore): readonly string[] {
  const count = Number(values?.get('split.count') ?? 1);
  if (count === 1) return [path];
  const [, stem, , named] = PART_NAME.exec(path) ?? [];
  if (stem !== undefined && Number(named) === count && count <= MAX_PARTS) {
    return Array.from({ length: count }, (_, i) => `${stem}-${digits(i + 1)}-of-${digits(count)}.gguf`);
  }
  const no = Number(values?.get('split.no')) + 1;
  throw new InputError(
    `${path} is part ${no} of ${count}: its name must end in -${digits(no)}-of-${digits(count)}.gguf, by which the other parts beside it are found`,
    { code: 'input/conflict', details: { path, part: no, parts: count } },
  );
}

/** Opens a part, which is named where it is missing. */
export async function openPart(source: SourceFolder, paths: readonly string[], i: number): Promise<ByteSource> {
  const path = paths[i]!;
  try {
    return await source.open(path);
  } catch (cause) {
    if (paths.length === 1 || !isMissing(cause)) throw cause;
    throw new ModelError(
      `part ${i + 1} of ${paths.length} is missing: ${path}; it belongs beside ${paths.find((other) => other !== path)}`,
      { code: 'model/file-missing', details: { path, part: i + 1, parts: paths.length }, cause },
    );
  }
}

/** Those of `paths` that are not in the folder. */
export async function missingParts(folder: Pick<SourceFolder, 'open'>, paths: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const path of paths) {
    try {
      await (await folder.open(path)).close?.();
    } catch (error) {
      if (!isMissing(error)) throw error;
      missing.push(path);
    }
  }
  return missing;
}

function isMissing(error: unknown): boolean {
  return (['model/', 'storage/', 'network/status'] as const).some((code) => isFluxError(error, code));
}

/** Throws where a file is another part than its name says. */
export function requirePart(paths: readonly string[], i: number, { values }: TensorStore): void {
  if (paths.length === 1) return;
  const [no, count] = ['split.no', 'split.count'].map((key) => Number(values?.get(key)));
  if (no === i && count === paths.length) return;
  throw new FormatError(
    `${paths[i]} must be part ${i + 1} of ${paths.length}, got ${Number(no) + 1} of ${count}; get all parts from one place`,
    { code: 'format/header-invalid', details: { path: paths[i], part: i + 1, parts: paths.length } },
  );
}

function digits(number: number): string {
  return String(number).padStart(5, '0');
}
