// Reads a scene back from the pixels of a picture, by rules.
//
// It knows the grammar's renderer and nothing of the model: for each possible answer it draws the
// plain, unvaried picture and asks which one explains the pixels best (analysis by synthesis). It
// answers "none" where nothing explains them well enough, or where two kinds explain them about
// equally well. It also decides by itself whether there is one thing or two.
//
// What it can not tell: beauty. A blurred or bent thing that is still clearly nearest to the asked
// kind passes. A second moon does not count against the attributes; `mess` measures it.

import { edgesOf, messOf } from './check/against-ideal.ts';
import type { Sun } from './check/backgrounds.ts';
import { background } from './check/backgrounds.ts';
import { areaDistance, type Bytes, withoutAlpha } from './check/distances.ts';
import { FIT_LIMIT, type Found, findThings } from './check/find-things.ts';
import { drawScene } from './draw.ts';
import type { Colour, Ground, Kind, Position, Scale, Scene, Time, Weather } from './grammar.ts';
import { GROUNDS, TIMES, WEATHERS } from './grammar.ts';
import type { Size } from './sizes.ts';

export interface ReadThing {
  kind: Kind | 'none';
  colour: Colour | 'none';
  scale: Scale | 'none';
}

export interface Reading extends ReadThing {
  position: Position | 'none';
  /** The thing on the right, where two were found: the first is the left one. */
  beside?: ReadThing;
  time: Time | 'none';
  ground: Ground | 'none';
  weather: Weather | 'none';
  /** The worse one's, where there are two: see `Found`. */
  fit: number;
  rival: number;
  /**
   * Mean absolute difference (0..255) from the best explanation outside the things: extra or
   * missing things.
   */
  mess: number;
  /** How sharp the things' edges are, as a share of the renderer's. */
  edges: number;
}

/**
 * Thresholds, set on rendered pictures (plain, decoded by the autoencoder, blurred), not on model
 * output.
 */
const SKY_LIMIT = 26; // mean sky or ground difference above which time or ground is "none"
const RIVAL_LIMIT = 0.8;

const NO_THING: ReadThing = { kind: 'none', colour: 'none', scale: 'none' };
const NOTHING: Reading = {
  ...NO_THING,
  position: 'none',
  time: 'none',
  ground: 'none',
  weather: 'none',
  fit: 1,
  rival: 1,
  mess: 255,
  edges: 0,
};

/**
 * Accepts RGB or RGBA bytes (told apart by length), of any size; meant for those of `SIZES`.
 */
export function checkPicture(pixels: Bytes, width: number, height: number): Reading {
  const rgb = pixels.length === width * height * 4 ? withoutAlpha(pixels) : pixels;
  if (rgb.length !== width * height * 3)
    throw new Error(`expected ${width}x${height} RGB or RGBA bytes, got ${pixels.length}`);
  const size: Size = { width, height };

  // 1. The sky (upper part) says the time of day and the weather, the lowest part the ground.
  const air = readAir(rgb, size);
  if (!air) return NOTHING;
  const ground = readGround(rgb, size, air);
  if (!ground) return { ...NOTHING, ...air };

  // 2. The things.
  const found = findThings(rgb, size, { ...air, sun: 'middle' }, ground);
  const [first, second] = found;
  if (!first) return { ...NOTHING, ...air, ground };
  const reading: Reading = {
    ...readThing(first),
    position: first.fit < FIT_LIMIT ? first.template.position : 'none',
    ...(second && { beside: readThing(second) }),
    ...air,
    ground,
    fit: Math.max(...found.map(({ fit }) => fit)),
    rival: Math.max(...found.map(({ rival }) => rival)),
    mess: 0,
    edges: 0,
  };
  const { thing, position } = first.template;
  const ideal: Scene = { ...thing, position, ...(second && { beside: second.template.thing }), ...air, ground };
  const picture = drawScene(ideal, size);
  return { ...reading, mess: messOf(rgb, picture), edges: edgesOf(rgb, picture) };
}

function readThing({ template: { thing }, fit, rival }: Found): ReadThing {
  if (fit >= FIT_LIMIT) return NO_THING;
  return { ...thing, kind: rival < RIVAL_LIMIT ? thing.kind : 'none' };
}

function readAir(rgb: Bytes, size: Size): { time: Time; weather: Weather } | undefined {
  const sky = [0, Math.floor(size.height * 0.5)] as const;
  const suns: readonly Sun[] = ['left', 'middle', 'right'];
  let least = SKY_LIMIT;
  let air: { time: Time; weather: Weather } | undefined;
  for (const time of TIMES)
    for (const weather of WEATHERS)
      for (const sun of suns) {
        const distance = areaDistance(rgb, background(size, { time, weather, sun }, 'snow'), size.width, sky);
        if (distance >= least) continue;
        least = distance;
        air = { time, weather };
      }
  return air;
}

function readGround(rgb: Bytes, size: Size, air: { time: Time; weather: Weather }): Ground | undefined {
  const floor = [Math.floor(size.height * 0.66), size.height] as const;
  let least = SKY_LIMIT;
  let read: Ground | undefined;
  for (const ground of GROUNDS) {
    const distance = areaDistance(rgb, background(size, { ...air, sun: 'right' }, ground), size.width, floor);
    if (distance >= least) continue;
    least = distance;
    read = ground;
  }
  return read;
}
