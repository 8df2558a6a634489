import type { Colour, Time } from '../grammar.ts';
import type { Bounds, Canvas, Paint } from './canvas.ts';
import { BLACK, clamp, mix, type Rgb, WHITE } from './colour.ts';
import { OBJECT_COLOURS, PALETTES } from './palettes.ts';
import type { Place } from './places.ts';
import { type Distance, type Point, segment } from './shapes.ts';

/**
 * Lines are left out of things smaller than this (pixels of a unit), which they would only dirty.
 */
const LEAST_UNIT_WITH_LINES = 60;

/**
 * Draws in the coordinates of one thing: x to the right of its middle, y up from its base, both in
 * units of the thing. `X` and `Y` give pixels.
 */
export interface Brush {
  X(x: number): number;
  Y(y: number): number;
  /** Pixels. */
  unit: number;
  /**
   * Everything with a face looks towards the middle of the picture: 1 to the right, -1 to the left.
   */
  turn: 1 | -1;
  time: Time;
  colour: Colour;
  main: Rgb;
  dark: Rgb;
  pale: Rgb;
  cream: Rgb;
  brown: Rgb;
  ink: Rgb;
  shade(colour: Rgb): Rgb;
  /** Lit from above: paler at the top, darker at the bottom. */
  lit(top: number, bottom: number): Paint;
  round(x: number, y: number, rx: number, ry: number, paint: Paint, alpha?: number, soft?: number): void;
  box(left: number, top: number, right: number, bottom: number, radius: number, paint: Paint): void;
  poly(points: readonly Point[], radius: number, paint: Paint): void;
  /** Any shape; `bounds` in the thing's units, the distance in pixels. */
  fill(bounds: Bounds, distance: Distance, paint: Paint, alpha?: number): void;
  /** One pixel wide at any size. */
  line(from: Point, to: Point, paint: Paint): void;
}

export function brushAt(canvas: Canvas, place: Place, time: Time, brightness: number): Brush {
  const { cx, base, unit, turn } = place;
  const X = (x: number): number => cx + x * unit;
  const Y = (y: number): number => base - y * unit;
  const { light } = PALETTES[time];
  const shade = (colour: Rgb): Rgb => [
    clamp(colour[0] * light[0] * brightness, 0, 255),
    clamp(colour[1] * light[1] * brightness, 0, 255),
    clamp(colour[2] * light[2] * brightness, 0, 255),
  ];
  const raw = OBJECT_COLOURS[place.colour];
  const [main, dark, pale] = [shade(raw), shade(mix(raw, BLACK, 0.2)), shade(mix(raw, WHITE, 0.45))];
  const ink: Rgb = [38, 30, 44];
  const round: Brush['round'] = (x, y, rx, ry, paint, alpha = 1, soft = 1) =>
    canvas.ellipse(X(x), Y(y), rx * unit, ry * unit, paint, alpha, soft);
  const fill: Brush['fill'] = ([left, top, right, bottom], distance, paint, alpha = 1) =>
    canvas.fill([X(left), Y(top), X(right), Y(bottom)], distance, paint, alpha);
  return {
    X,
    Y,
    unit,
    turn,
    time,
    colour: place.colour,
    main,
    dark,
    pale,
    cream: shade([255, 246, 224]),
    brown: shade([122, 78, 48]),
    ink,
    shade,
    lit: (top, bottom) => (_x, y) => {
      const t = clamp((y - Y(top)) / (Y(bottom) - Y(top)), 0, 1);
      return t < 0.5 ? mix(mix(main, pale, 0.35), main, t * 2) : mix(main, dark, (t - 0.5) * 1.2);
    },
    round,
    box: (left, top, right, bottom, radius, paint) =>
      canvas.box(X(left), Y(top), X(right), Y(bottom), unit * radius, paint),
    poly: (points, radius, paint) =>
      canvas.polygon(
        points.map(([x, y]) => [X(x), Y(y)] as const),
        radius * unit,
        paint,
      ),
    fill,
    line([x0, y0], [x1, y1], paint) {
      if (unit < LEAST_UNIT_WITH_LINES) return;
      const bounds = [Math.min(x0, x1), Math.max(y0, y1), Math.max(x0, x1), Math.min(y0, y1)] as const;
      fill(bounds, segment(X(x0), Y(y0), X(x1), Y(y1), 0.5), paint);
    },
  };
}
