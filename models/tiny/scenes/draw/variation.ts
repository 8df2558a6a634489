import { random } from '../random.ts';

/** What differs between pictures of one scene. */
export interface Variation {
  /** Per thing: how far it is moved (a share of the width), and how much larger it is. */
  things: readonly [{ x: number; size: number }, { x: number; size: number }];
  /** Brightness of things. */
  shade: number;
  clouds: number;
  hills: number;
  sun: number;
}

/** A thing is as much smaller or larger at most. */
export const SIZE_SPREAD = 0.05;

const STILL: Variation = {
  things: [
    { x: 0, size: 1 },
    { x: 0, size: 1 },
  ],
  shade: 1,
  clouds: 0,
  hills: 0,
  sun: 0,
};

/** Without a seed: none. */
export function variationFrom(seed: number | undefined): Variation {
  if (seed === undefined) return STILL;
  const next = random(seed);
  const spread = (amount: number): number => (next() * 2 - 1) * amount;
  const thing = (): { x: number; size: number } => ({ x: spread(0.015), size: 1 + spread(SIZE_SPREAD) });
  const first = thing();
  const [shade, clouds, hills, sun] = [1 + spread(0.04), spread(0.04), spread(1), spread(0.015)];
  return { things: [first, thing()], shade, clouds, hills, sun };
}
