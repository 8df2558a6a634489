import { InputError, type MergedLora } from '@flux-srpo/core';
import { type ByteSource, changed, createSha256, type FileState } from '@flux-srpo/formats';
import type { SourceFile } from '../sources/combine-sources.ts';
import { assertSame, stateOf } from '../sources/watch-source.ts';
import { openTensorStore } from '../tensors/open-tensor-store.ts';
import type { TensorStore } from '../tensors/tensor-store.ts';
import { type LoraDiff, type LoraPair, type LoraTensors, pairTensors } from './pairs.ts';
import { readScales } from './read-scales.ts';

/** A LoRA to merge. Strength 1 is as it was trained; negative strengths do the opposite. */
export interface LoraSource {
  readonly file: SourceFile;
  readonly strength: number;
}

/** A LoRA whose file is open and whose tensors are all accounted for. */
export interface OpenLora {
  /** The manifest's entry. */
  readonly record: MergedLora;
  readonly store: TensorStore;
  /** Each pair with strength · alpha / rank. */
  readonly pairs: ReadonlyMap<LoraPair, number>;
  readonly diffs: readonly LoraDiff[];
  readonly unused: LoraTensors['unused'];
  readonly unknown: LoraTensors['unknown'];
  /** Throws where the file changed since it was hashed. */
  assertUnchanged(): Promise<void>;
  close(): Promise<void>;
}

/** Bytes hashed at a time. */
const HASH_BYTES = 8 * 1024 * 1024;

/** Reads names, shapes and alphas, and every byte once for the hash. No matrix stays in memory. */
export async function openLoras(sources: readonly LoraSource[], signal?: AbortSignal): Promise<OpenLora[]> {
  const opened: OpenLora[] = [];
  try {
    for (const source of sources) opened.push(await openLora(source, signal));
    return opened;
  } catch (error) {
    for (const lora of opened) await lora.close();
    throw error;
  }
}

async function openLora({ file, strength }: LoraSource, signal?: AbortSignal): Promise<OpenLora> {
  if (!Number.isFinite(strength)) {
    throw new InputError(
      `the strength of ${file.name} must be a finite number, got ${strength}; 1 is as it was trained`,
      {
        code: 'input/out-of-range',
        details: { field: 'strength', got: String(strength) },
      },
    );
  }
  const source = await file.open();
  try {
    const store = await openTensorStore(source, signal);
    const { pairs, ...others } = pairTensors(file.name, store);
    if (store.tensors.size === 0) {
      throw new InputError(`${file.name} must be a LoRA, got a file without tensors; choose another file`, {
        code: 'input/required',
        details: { name: file.name },
      });
    }
    const scales = await readScales(file.name, store, pairs, signal);
    const sha256 = await hashAll(source, signal);
    return {
      record: { name: file.name, sha256, strength },
      store,
      ...others,
      pairs: new Map([...scales].map(([pair, scale]) => [pair, strength * scale])),
      assertUnchanged: () => assertUnchanged(file, stateOf(source), sha256, signal),
      close: async () => await source.close?.(),
    };
  } catch (error) {
    await source.close?.();
    throw error;
  }
}

async function assertUnchanged(
  file: SourceFile,
  before: FileState,
  sha256: string,
  signal?: AbortSignal,
): Promise<void> {
  const again = await file.open();
  await assertSame(again, file.name, before);
  try {
    // Where the place knows no versions, the bytes decide.
    if (before.version !== undefined || (await hashAll(again, signal)) === sha256) return;
    const state = (version: string) => ({ size: again.size, version });
    throw changed(again.url ?? file.name, state(`SHA-256 ${sha256}`), state('another SHA-256'));
  } finally {
    await again.close?.();
  }
}

async function hashAll(source: ByteSource, signal?: AbortSignal): Promise<string> {
  const hash = await createSha256();
  for (let at = 0; at < source.size; at += HASH_BYTES) {
    hash.update(await source.read(at, Math.min(HASH_BYTES, source.size - at), signal));
  }
  return hash.hex();
}
