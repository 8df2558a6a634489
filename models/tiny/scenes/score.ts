import type { Reading, ReadThing } from './check.ts';
import { type Position, type Scene, thingsOf } from './grammar.ts';

/** What can be asked about a scene. */
export const ATTRIBUTES = ['kind', 'colour', 'position', 'time', 'ground', 'scale', 'weather'] as const;
export type Attribute = (typeof ATTRIBUTES)[number];

/** Per thing that was asked for: what of it was read at its place. */
function compareThings(read: Reading, asked: Scene): Record<keyof ReadThing, boolean>[] {
  const things: (ReadThing & { position?: Position | 'none' })[] = [read];
  if (read.beside) things.push({ ...read.beside, position: 'right' });
  const wanted = thingsOf(asked);
  return wanted.map(({ kind, colour, scale, position }) => {
    // Of one thing the place is an attribute of its own; two are told apart by theirs.
    const seen = wanted.length > 1 ? things.find((thing) => thing.position === position) : read;
    return { kind: seen?.kind === kind, colour: seen?.colour === colour, scale: seen?.scale === scale };
  });
}

/**
 * Which attributes were read as asked. Of two things both must be; their place is right where as
 * many things were read, each with its kind or its colour on the side that was asked.
 */
export function compare(read: Reading, asked: Scene): Record<Attribute, boolean> {
  const things = compareThings(read, asked);
  const placed = asked.beside
    ? things.every(({ kind, colour }) => kind || colour)
    : !read.beside && read.position === asked.position;
  return {
    kind: things.every(({ kind }) => kind),
    colour: things.every(({ colour }) => colour),
    position: placed,
    time: read.time === asked.time,
    ground: read.ground === asked.ground,
    scale: things.every(({ scale }) => scale),
    weather: read.weather === (asked.weather ?? 'clear'),
  };
}

/** What `compare` gives where the whole prompt is in the picture. */
export const AS_ASKED = Object.fromEntries(ATTRIBUTES.map((attribute) => [attribute, true]));

export interface Summary {
  count: number;
  /**
   * Share of pictures in which the attribute was read as asked; of kind, colour and scale the share
   * of things.
   */
  attributes: Record<Attribute, number>;
  /** Mean of the attributes' shares. */
  mean: number;
  /** Share of pictures with everything right. */
  all: number;
  /** Of the pictures with two things, the share in which both have kind, colour and side. */
  both: number;
  mess: number;
  edges: number;
}

export function summarise(pairs: readonly { read: Reading; asked: Scene }[]): Summary {
  const share = (values: readonly boolean[]): number => values.filter(Boolean).length / Math.max(1, values.length);
  const things = pairs.flatMap(({ read, asked }) => compareThings(read, asked));
  const scenes = pairs.map(({ read, asked }) => compare(read, asked));
  const attributes = Object.fromEntries(
    ATTRIBUTES.map((attribute) => {
      const of = attribute === 'kind' || attribute === 'colour' || attribute === 'scale' ? things : scenes;
      return [attribute, share(of.map((each: Partial<Record<Attribute, boolean>>) => each[attribute] === true))];
    }),
  ) as Record<Attribute, number>;
  const average = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const two = pairs.filter(({ asked }) => asked.beside);
  return {
    count: pairs.length,
    attributes,
    mean: average(ATTRIBUTES.map((attribute) => attributes[attribute])),
    all: share(scenes.map((right) => Object.values(right).every(Boolean))),
    both: share(two.map(({ read, asked }) => compareThings(read, asked).every(({ kind, colour }) => kind && colour))),
    mess: average(pairs.map(({ read }) => read.mess)),
    edges: average(pairs.map(({ read }) => read.edges)),
  };
}
