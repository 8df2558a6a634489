import type { Kind, Scale, Scene, Weather } from './grammar.ts';
import { COLOURS, GROUNDS, isPossible, KINDS, POSITIONS, SCALES, TIMES, WEATHERS } from './grammar.ts';
import { pick } from './random.ts';

/** Width and height of a picture in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** What can be asked about a scene. */
export type Attribute = 'kind' | 'colour' | 'position' | 'time' | 'ground' | 'scale' | 'weather';

/** What a model is taught: a part of the grammar, drawn in three shapes. */
export interface World {
  kinds: readonly Kind[];
  scales: readonly Scale[];
  weathers: readonly Weather[];
  /** Share of scenes with two things. */
  pairs: number;
  attributes: readonly Attribute[];
  /** The shapes of its pictures: square, landscape, portrait. */
  sizes: readonly [Size, Size, Size];
}

/** One thing in clear weather, about a hundred pixels a side. */
export const ONE_THING: World = {
  kinds: KINDS.slice(0, 7),
  scales: ['usual'],
  weathers: ['clear'],
  pairs: 0,
  attributes: ['kind', 'colour', 'position', 'time', 'ground'],
  sizes: [
    { width: 96, height: 96 },
    { width: 112, height: 80 },
    { width: 80, height: 112 },
  ],
};

/** All of the grammar. */
export const WHOLE: World = {
  kinds: KINDS,
  scales: SCALES,
  weathers: WEATHERS,
  pairs: 0.5,
  attributes: ['kind', 'colour', 'position', 'time', 'ground', 'scale', 'weather'],
  sizes: [
    { width: 160, height: 160 },
    { width: 192, height: 144 },
    { width: 144, height: 192 },
  ],
};

export const WORLDS = { one: ONE_THING, whole: WHOLE };

/** What the committed bundle was taught. */
export const EMBEDDED = ONE_THING;

/** Every scene of `ONE_THING`. `WHOLE` has too many to list. */
export function allScenes(): Scene[] {
  const scenes: Scene[] = [];
  for (const kind of ONE_THING.kinds)
    for (const colour of COLOURS)
      for (const ground of GROUNDS)
        for (const time of TIMES)
          for (const position of POSITIONS) {
            const scene: Scene = { kind, colour, position, time, ground };
            if (isPossible(scene)) scenes.push(scene);
          }
  return scenes;
}

/**
 * A scene of the world, drawn at random: each kind as often as any other, the usual size and clear
 * weather half of the time. `kind` fixes the first thing's, `pair` whether there is a second one.
 */
export function randomScene(
  world: World,
  next: () => number,
  kind = pick(world.kinds, next),
  pair = next() < world.pairs,
): Scene {
  const scale = (): { scale?: Scale } => {
    const unusual = world.scales.filter((each) => each !== 'usual');
    return unusual.length > 0 && next() < 0.5 ? { scale: pick(unusual, next) } : {};
  };
  const weathers = world.weathers.filter((each) => each !== 'clear');
  for (;;) {
    const scene: Scene = {
      kind,
      colour: pick(COLOURS, next),
      ...scale(),
      position: pair ? pick(['left', 'right'] as const, next) : pick(POSITIONS, next),
      ...(pair && { beside: { kind: pick(world.kinds, next), colour: pick(COLOURS, next), ...scale() } }),
      time: pick(TIMES, next),
      ground: pick(GROUNDS, next),
      ...(weathers.length > 0 && next() < 0.5 && { weather: pick(weathers, next) }),
    };
    // A boat makes it the sea: without this, boats would be rare.
    if (!isPossible(scene)) scene.ground = 'sea';
    const { beside } = scene;
    const twins = beside && beside.kind === kind && beside.colour === scene.colour;
    if (!twins) return scene;
  }
}
