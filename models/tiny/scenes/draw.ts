// Draws a scene with anti-aliased signed distance shapes. No canvas, no dependencies: the same
// bytes in Node and in a browser (up to the last bit of Math.sin and friends).
//
// What can be decided by the scene is decided by the scene: the sun stands opposite the object,
// stars, flowers and raindrops have fixed places. A first model was trained on pictures whose sun
// fell on either side; it answered with two suns. Only small things vary (place, size, clouds,
// hills, shade).

import { brushAt } from './draw/brush.ts';
import { Canvas } from './draw/canvas.ts';
import { drawGround } from './draw/ground.ts';
import { horizonOf, type Place, placesOf } from './draw/places.ts';
import { drawSky } from './draw/sky.ts';
import { drawStand } from './draw/stand.ts';
import { THINGS } from './draw/things.ts';
import { variationFrom } from './draw/variation.ts';
import { drawFalling } from './draw/weather.ts';
import type { Scene, Time } from './grammar.ts';
import type { Size } from './sizes.ts';

/** left, top, right, bottom in pixels */
export type Box = [number, number, number, number];

export interface Picture {
  /** [height, width, 3], 0..255 */
  rgb: Uint8Array;
  width: number;
  height: number;
  /** Where each thing is. */
  boxes: Box[];
}

export interface DrawOptions {
  /** Seed of the small variations; without it the picture is the plain, centred one. */
  seed?: number;
  /** false leaves the things (and their shadows or islets) out. */
  things?: boolean;
}

export function drawScene(scene: Scene, size: Size, options: DrawOptions = {}): Picture {
  const { width, height } = size;
  const variation = variationFrom(options.seed);
  const canvas = new Canvas(width, height);
  const short = Math.min(width, height);
  const horizon = horizonOf(size);

  drawSky(canvas, scene, horizon, short, variation);
  drawGround(canvas, scene, horizon, short, variation);
  drawFalling(canvas, scene, short);

  const places = options.things === false ? [] : placesOf(scene, size, variation);
  for (const place of places) drawStand(canvas, scene, place, brushAt(canvas, place, scene.time, 1));
  const covers = places.map((place) => drawThing(canvas, place, scene.time, variation.shade));
  return { rgb: canvas.bytes(), width, height, boxes: covers.map((covered) => boxOf(covered, size)) };
}

/**
 * The scene's first thing on black, without variation but `factor` times as large, and how much of
 * each pixel it covers ([height, width], 0..1).
 */
export function drawFirst(scene: Scene, size: Size, factor: number): { rgb: Uint8Array; cover: Float32Array } {
  const canvas = new Canvas(size.width, size.height);
  const thing = { x: 0, size: factor };
  const [place] = placesOf(scene, size, { ...variationFrom(undefined), things: [thing, thing] });
  const cover = drawThing(canvas, place as Place, scene.time, 1);
  return { rgb: canvas.bytes(), cover };
}

function drawThing(canvas: Canvas, place: Place, time: Time, brightness: number): Float32Array {
  return canvas.cover(() => THINGS[place.kind](brushAt(canvas, place, time, brightness)));
}

function boxOf(covered: Float32Array, { width, height }: Size): Box {
  const box: Box = [width, height, 0, 0];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if ((covered[y * width + x] as number) > 0.3) {
        box[0] = Math.min(box[0], x);
        box[1] = Math.min(box[1], y);
        box[2] = Math.max(box[2], x + 1);
        box[3] = Math.max(box[3], y + 1);
      }
  return box;
}
