import type { Colour, Kind, Scale, Scene } from '../grammar.ts';
import { thingsOf } from '../grammar.ts';
import type { Size } from '../sizes.ts';
import type { Variation } from './variation.ts';

/** Where a thing stands. All in pixels. */
export interface Place {
  kind: Kind;
  colour: Colour;
  /** The thing's middle. */
  cx: number;
  /** Its lower end. */
  base: number;
  /** About its height. */
  unit: number;
  turn: 1 | -1;
}

/** A thing's unit as a share of the picture's short side. */
const ALONE: Record<Scale, number> = { small: 0.36, usual: 0.56, large: 0.7 };
const OF_TWO: Record<Scale, number> = { small: 0.26, usual: 0.38, large: 0.48 };

export function horizonOf({ height }: Size): number {
  return height * 0.6;
}

/** The places of a scene's things, in the order of `thingsOf`. */
export function placesOf(scene: Scene, size: Size, variation: Variation): Place[] {
  const { width: w, height: h } = size;
  const short = Math.min(w, h);
  const horizon = horizonOf(size);
  const things = thingsOf(scene);
  return things.map(({ kind, colour, scale, position }, index) => {
    const plain = short * (things.length > 1 ? OF_TWO : ALONE)[scale];
    const { x, size: factor } = variation.things[index] as { x: number; size: number };
    const unit = plain * factor;
    // A quarter of the way in, but never over the edge of a narrow picture.
    const aside = things.length > 1 ? 0.25 * w : Math.max(0, w / 2 - Math.max(0.27 * w, plain * 0.55));
    return {
      kind,
      colour,
      cx: w / 2 + { left: -aside, middle: 0, right: aside }[position] + x * w,
      // Portrait pictures have a deep foreground: things stand a little above its middle.
      base: kind === 'balloon' ? h * 0.36 + unit * 0.62 : horizon + (h - horizon) * 0.62,
      unit,
      turn: position === 'left' ? 1 : -1,
    };
  });
}
