// What scenes are made of. Pictures, captions, the prompts of the adherence test and the checker
// all start here, so that they cannot drift apart.

import { hash } from './random.ts';

export const KINDS = [
  'house',
  'tree',
  'balloon',
  'boat',
  'cat',
  'mushroom',
  'duck',
  'car',
  'rabbit',
  'flower',
  'rocket',
] as const;
export const COLOURS = ['red', 'orange', 'yellow', 'green', 'blue', 'pink'] as const;
export const SCALES = ['small', 'usual', 'large'] as const;
export const POSITIONS = ['left', 'middle', 'right'] as const;
export const TIMES = ['day', 'sunset', 'night'] as const;
export const GROUNDS = ['meadow', 'snow', 'sea', 'desert'] as const;
export const WEATHERS = ['clear', 'rain', 'snow'] as const;

export type Kind = (typeof KINDS)[number];
export type Colour = (typeof COLOURS)[number];
export type Scale = (typeof SCALES)[number];
export type Position = (typeof POSITIONS)[number];
export type Time = (typeof TIMES)[number];
export type Ground = (typeof GROUNDS)[number];
export type Weather = (typeof WEATHERS)[number];

export interface Thing {
  kind: Kind;
  colour: Colour;
  /** Absent: usual. Captions name the other two. */
  scale?: Scale;
}

export interface Scene extends Thing {
  position: Position;
  /** A second thing, on the other side: `position` is then left or right. */
  beside?: Thing;
  time: Time;
  ground: Ground;
  /** Absent: clear. */
  weather?: Weather;
}

/** The things of a scene with their places, the first one first. */
export function thingsOf(scene: Scene): (Required<Thing> & { position: Position })[] {
  const { kind, colour, scale = 'usual', position, beside } = scene;
  const first = { kind, colour, scale, position };
  if (!beside) return [first];
  return [first, { scale: 'usual', ...beside, position: position === 'left' ? 'right' : 'left' }];
}

/** A boat belongs on the water; everything else may be anywhere (on the sea it gets an islet). */
export function isPossible(scene: Scene): boolean {
  return scene.ground === 'sea' || thingsOf(scene).every(({ kind }) => kind !== 'boat');
}

/**
 * Salt of the held-out rule, chosen so that every triple of (kind, colour, ground, position) stays
 * in training (boats: every pair).
 */
const HELD_OUT_SALT = 'tiny-405';
const HELD_OUT_SHARE = 0.13;

/**
 * Whether a scene is kept out of training. Of one thing the rule looks at (kind, colour, ground,
 * position), of two at their kinds and colours. So a held-out combination is never seen at any
 * hour, in any weather or size, and the test asks for recombination, not for new facts.
 */
export function isHeldOut(scene: Scene): boolean {
  const { kind, colour, ground, position, beside } = scene;
  const key = beside
    ? [`${kind} ${colour}`, `${beside.kind} ${beside.colour}`].sort()
    : [kind, colour, ground, position];
  return hash([HELD_OUT_SALT, ...key].join(' ')) / 4294967296 < HELD_OUT_SHARE;
}
