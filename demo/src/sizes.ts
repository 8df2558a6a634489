import type { ImageSize, LoadedModel, SizePreset } from 'flux-srpo';
import { words } from './words.ts';

/** A choice of the list of sizes. */
export interface SizeChoice extends ImageSize {
  name: SizePreset;
  label: string;
}

/** The model's sizes, each once: small models have one size under several names. */
export function sizeChoices(model: LoadedModel): SizeChoice[] {
  const found = new Map<string, SizeChoice>();
  for (const [name, { width, height }] of Object.entries(model.sizes)) {
    const label = describeSize({ width, height });
    if (!found.has(label) || name === model.defaults.size)
      found.set(label, { name: name as SizePreset, width, height, label });
  }
  return [...found.values()];
}

/** "Landscape 4:3 · 1024 × 768". A preset's name may promise a ratio that its pixels have not. */
export function describeSize({ width, height }: ImageSize): string {
  const shape = width === height ? words.size.square : width > height ? words.size.landscape : words.size.portrait;
  return `${shape} ${ratio(width, height)} · ${width} × ${height}`;
}

function ratio(width: number, height: number): string {
  const divisor = greatestDivisor(width, height);
  return `${width / divisor}:${height / divisor}`;
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}
