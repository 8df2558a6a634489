// Reads kind, colour, position, time of day and ground back from the pixels of a picture, by rules.
//
// It knows the grammar's renderer and nothing of the model: for each possible answer it draws the
// plain, unvaried picture and asks which one explains the pixels best (analysis by synthesis). It
// answers "none" where nothing explains them well enough, or where two kinds explain them about
// equally well.
//
// What it can not tell: beauty. A blurred or bent object that is still clearly nearest to the asked
// kind passes. Things beside the object (a second moon) do not count against the five attributes;
// `mess` measures them.

import { drawScene } from './draw.ts';
import type { Attribute, Colour, Ground, Kind, Position, Scene, Size, Time } from './grammar.ts';
import { ATTRIBUTES, COLOURS, GROUNDS, KINDS, POSITIONS, TIMES } from './grammar.ts';

export interface Reading {
  kind: Kind | 'none';
  colour: Colour | 'none';
  position: Position | 'none';
  time: Time | 'none';
  ground: Ground | 'none';
  /**
   * Object residual against "nothing there": 0 is a perfect match, 1 no better than the empty
   * scene.
   */
  fit: number;
  /** How well the second-best kind explains the object compared with the best: 1 is a tie. */
  rival: number;
  /**
   * Mean absolute difference (0..255) from the best explanation outside the object: extra or
   * missing things.
   */
  mess: number;
}

/**
 * Thresholds, set on rendered pictures (plain, decoded by the autoencoder, blurred), not on model
 * output.
 */
const FAR = 80; // per channel; differences beyond it count no more than this
const SKY_LIMIT = 26; // mean sky or ground difference above which time or ground is "none"
const FIT_LIMIT = 0.5;
const RIVAL_LIMIT = 0.8;
const SHIFTS = [-4, -2, 0, 2, 4];

interface Template {
  kind: Kind;
  colour: Colour;
  position: Position;
  /** x, y, r, g, b per sampled pixel of the object. */
  points: Int16Array;
}

const backgrounds = new Map<string, Uint8Array>();
const templates = new Map<string, Template[]>();

function background(size: Size, time: Time, ground: Ground, sunLeft: boolean): Uint8Array {
  const key = `${size.width}x${size.height} ${time} ${ground} ${sunLeft}`;
  let rgb = backgrounds.get(key);
  if (!rgb) {
    // The sun stands opposite the object: on the left only for an object on the right.
    const scene: Scene = { kind: 'cat', colour: 'red', position: sunLeft ? 'right' : 'left', time, ground };
    rgb = drawScene(scene, size, { object: false }).rgb;
    backgrounds.set(key, rgb);
  }
  return rgb;
}

function templatesFor(size: Size, time: Time, ground: Ground): Template[] {
  const key = `${size.width}x${size.height} ${time} ${ground}`;
  let list = templates.get(key);
  if (!list) {
    list = [];
    for (const kind of KINDS)
      for (const colour of COLOURS)
        for (const position of POSITIONS) {
          const picture = drawScene({ kind, colour, position, time, ground }, size);
          const points: number[] = [];
          for (let y = 0; y < size.height; y++)
            for (let x = y % 2; x < size.width; x += 2) {
              const at = y * size.width + x;
              if ((picture.mask[at] as number) < 128) continue;
              points.push(
                x,
                y,
                picture.rgb[at * 3] as number,
                picture.rgb[at * 3 + 1] as number,
                picture.rgb[at * 3 + 2] as number,
              );
            }
          list.push({ kind, colour, position, points: Int16Array.from(points) });
        }
    templates.set(key, list);
  }
  return list;
}

/**
 * Accepts RGB or RGBA bytes (told apart by length), of any size; meant for the model's own sizes.
 */
export function checkPicture(pixels: Uint8Array | Uint8ClampedArray, width: number, height: number): Reading {
  const rgb = pixels.length === width * height * 4 ? withoutAlpha(pixels) : pixels;
  if (rgb.length !== width * height * 3)
    throw new Error(`expected ${width}x${height} RGB or RGBA bytes, got ${pixels.length}`);
  const size: Size = { width, height };
  const reading: Reading = {
    kind: 'none',
    colour: 'none',
    position: 'none',
    time: 'none',
    ground: 'none',
    fit: 1,
    rival: 1,
    mess: 255,
  };

  // 1. The sky (upper part) says the time of day, the ground (lowest part) the ground at that time.
  const sky = [0, Math.floor(height * 0.5)] as const;
  const floor = [Math.floor(height * 0.66), height] as const;
  let best = SKY_LIMIT;
  for (const time of TIMES)
    for (const sunLeft of [false, true]) {
      const distance = difference(rgb, background(size, time, 'snow', sunLeft), width, sky);
      if (distance < best) {
        best = distance;
        reading.time = time;
      }
    }
  const time = reading.time;
  if (time === 'none') return reading;
  best = SKY_LIMIT;
  for (const ground of GROUNDS) {
    const distance = difference(rgb, background(size, time, ground, false), width, floor);
    if (distance < best) {
      best = distance;
      reading.ground = ground;
    }
  }
  const ground = reading.ground;
  if (ground === 'none') return reading;

  // 2. The object: what every candidate explains, beyond what the empty scene explains.
  const empty = [false, true].map((sunLeft) => pixelDistances(rgb, background(size, time, ground, sunLeft))) as [
    Float32Array,
    Float32Array,
  ];
  const explained = new Map<Kind, number>();
  let winner: { template: Template; dx: number; dy: number } | undefined;
  let top = 0;
  for (const template of templatesFor(size, time, ground)) {
    const without = empty[template.position === 'right' ? 1 : 0];
    for (const dy of SHIFTS)
      for (const dx of SHIFTS) {
        const { residual, before } = residualAt(rgb, width, height, template, dx, dy, without);
        const gain = before - residual;
        if (gain > (explained.get(template.kind) ?? 0)) explained.set(template.kind, gain);
        if (gain > top) {
          top = gain;
          winner = { template, dx, dy };
          reading.fit = residual / before;
        }
      }
  }
  if (!winner) return reading;
  const others = KINDS.filter((kind) => kind !== winner.template.kind).map((kind) => explained.get(kind) ?? 0);
  reading.rival = Math.max(...others) / top;
  if (reading.fit < FIT_LIMIT) {
    reading.colour = winner.template.colour;
    reading.position = winner.template.position;
    if (reading.rival < RIVAL_LIMIT) reading.kind = winner.template.kind;
  }
  reading.mess = messOf(rgb, size, time, ground, winner.template);
  return reading;
}

/** Which attributes were read as asked. */
export function compare(read: Reading, asked: Scene): Record<Attribute, boolean> {
  const result = {} as Record<Attribute, boolean>;
  for (const attribute of ATTRIBUTES) result[attribute] = read[attribute] === asked[attribute];
  return result;
}

export interface Summary {
  count: number;
  /** Share of pictures in which the attribute was read as asked. */
  attributes: Record<Attribute, number>;
  /** Mean of the five shares. */
  mean: number;
  /** Share of pictures with all five right. */
  all: number;
  mess: number;
}

export function summarise(pairs: readonly { read: Reading; asked: Scene }[]): Summary {
  const attributes = Object.fromEntries(ATTRIBUTES.map((attribute) => [attribute, 0])) as Record<Attribute, number>;
  let all = 0;
  let mess = 0;
  for (const { read, asked } of pairs) {
    const right = compare(read, asked);
    for (const attribute of ATTRIBUTES) if (right[attribute]) attributes[attribute] += 1;
    if (ATTRIBUTES.every((attribute) => right[attribute])) all += 1;
    mess += read.mess;
  }
  const count = Math.max(1, pairs.length);
  for (const attribute of ATTRIBUTES) attributes[attribute] /= count;
  const mean = ATTRIBUTES.reduce((sum, attribute) => sum + attributes[attribute], 0) / ATTRIBUTES.length;
  return { count: pairs.length, attributes, mean, all: all / count, mess: mess / count };
}

function withoutAlpha(rgba: Uint8Array | Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from] as number;
    rgb[to + 1] = rgba[from + 1] as number;
    rgb[to + 2] = rgba[from + 2] as number;
  }
  return rgb;
}

type Bytes = Uint8Array | Uint8ClampedArray;

/**
 * Mean difference per channel over some rows; capped per pixel, so that the object does not decide.
 */
function difference(a: Bytes, b: Bytes, width: number, [y0, y1]: readonly [number, number]): number {
  let sum = 0;
  for (let i = y0 * width * 3; i < y1 * width * 3; i++)
    sum += Math.min(50, Math.abs((a[i] as number) - (b[i] as number)));
  return sum / ((y1 - y0) * width * 3);
}

/** Per pixel: the sum over channels of the capped difference. */
function pixelDistances(a: Bytes, b: Bytes): Float32Array {
  const out = new Float32Array(a.length / 3);
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let c = 0; c < 3; c++) sum += Math.min(FAR, Math.abs((a[i * 3 + c] as number) - (b[i * 3 + c] as number)));
    out[i] = sum;
  }
  return out;
}

function residualAt(
  rgb: Bytes,
  width: number,
  height: number,
  template: Template,
  dx: number,
  dy: number,
  without: Float32Array,
): { residual: number; before: number } {
  const { points } = template;
  let residual = 0;
  let before = 0;
  for (let i = 0; i < points.length; i += 5) {
    const x = (points[i] as number) + dx;
    const y = (points[i + 1] as number) + dy;
    if (x < 0 || y < 0 || x >= width || y >= height) continue;
    const at = y * width + x;
    before += without[at] as number;
    residual += Math.min(FAR, Math.abs((rgb[at * 3] as number) - (points[i + 2] as number)));
    residual += Math.min(FAR, Math.abs((rgb[at * 3 + 1] as number) - (points[i + 3] as number)));
    residual += Math.min(FAR, Math.abs((rgb[at * 3 + 2] as number) - (points[i + 4] as number)));
  }
  return { residual, before };
}

function messOf(rgb: Bytes, size: Size, time: Time, ground: Ground, template: Template): number {
  const { kind, colour, position } = template;
  const ideal = drawScene({ kind, colour, position, time, ground }, size);
  const [x0, y0, x1, y1] = ideal.box;
  let sum = 0;
  let count = 0;
  for (let y = 0; y < size.height; y++)
    for (let x = 0; x < size.width; x++) {
      if (x >= x0 - 5 && x < x1 + 5 && y >= y0 - 5 && y < y1 + 5) continue;
      const at = (y * size.width + x) * 3;
      for (let c = 0; c < 3; c++) sum += Math.abs((rgb[at + c] as number) - (ideal.rgb[at + c] as number));
      count += 3;
    }
  return sum / count;
}
