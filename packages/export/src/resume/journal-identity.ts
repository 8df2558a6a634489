import { type BundleFile, WEIGHT_CLASSES } from '@flux-srpo/core';
import { createSha256, type FileState, sha256Hex } from '@flux-srpo/formats';
import type { ManifestDraft } from '../bundle/manifest-draft.ts';
import type { WeightSlot } from '../graphs/slots.ts';
import { planStorage } from '../weights/plan-storage.ts';
import type { JournalIdentity } from './journal.ts';

/** Everything that decides a bundle's bytes, as two hashes. */
export async function journalIdentity(
  states: ReadonlyMap<string, FileState>,
  draft: ManifestDraft,
  files: readonly BundleFile[],
  bake: boolean,
): Promise<JournalIdentity> {
  // A file without a version may change unseen, so no two runs count as the same.
  const isKnown = [...states.values()].every(({ version }) => version !== undefined);
  const source = isKnown ? [...states].sort(([a], [b]) => (a < b ? -1 : 1)) : crypto.randomUUID();
  return { source: await hashOf(source), settings: await hashOf([draft, files, bake, await converterMark()]) };
}

function hashOf(value: unknown): Promise<string> {
  return sha256Hex(new TextEncoder().encode(JSON.stringify(value)));
}

const ROWS = 8;
const COLUMNS = 64;

/** A hash of fixed numbers in every weight class: it changes when a quantizer does. */
async function converterMark(): Promise<string> {
  const slot: WeightSlot = { name: 'mark.weight', kind: 'linear', tensorClass: 'mlp', shape: [ROWS, COLUMNS] };
  // Differences of Halton's sequences: spread evenly over [−1, 1], without chance.
  const numbers = Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => halton(i + 1, 2) - halton(i + 1, 3));
  const hash = await createSha256();
  for (const weightClass of WEIGHT_CLASSES) {
    const { tensors } = await planStorage(slot, weightClass, async function* () {
      yield numbers.slice();
    });
    for (const { name, dtype, bytes } of tensors) {
      hash.update(new TextEncoder().encode(`${name} ${dtype}`));
      for await (const piece of bytes()) hash.update(piece);
    }
  }
  return hash.hex();
}

/** The digits of `index` in `base`, mirrored at the point. */
function halton(index: number, base: number): number {
  let value = 0;
  for (let digit = 1 / base; index > 0; digit /= base) {
    value += digit * (index % base);
    index = Math.floor(index / base);
  }
  return value;
}
