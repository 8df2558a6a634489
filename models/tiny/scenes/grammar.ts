// The small world the embedded model knows: one object, in a colour, at a place, at a time of day.
// This file is the only definition of it. The picture set, the prompts of the adherence test and
// the checker all start here, so that they cannot drift apart.

export const KINDS = ['house', 'tree', 'balloon', 'boat', 'cat', 'mushroom', 'duck'] as const;
export const COLOURS = ['red', 'orange', 'yellow', 'green', 'blue', 'pink'] as const;
export const POSITIONS = ['left', 'middle', 'right'] as const;
export const TIMES = ['day', 'sunset', 'night'] as const;
export const GROUNDS = ['meadow', 'snow', 'sea', 'desert'] as const;

export type Kind = (typeof KINDS)[number];
export type Colour = (typeof COLOURS)[number];
export type Position = (typeof POSITIONS)[number];
export type Time = (typeof TIMES)[number];
export type Ground = (typeof GROUNDS)[number];

export interface Scene {
  kind: Kind;
  colour: Colour;
  position: Position;
  time: Time;
  ground: Ground;
}

export type Attribute = keyof Scene;
export const ATTRIBUTES: readonly Attribute[] = ['kind', 'colour', 'position', 'time', 'ground'];

export interface Size {
  width: number;
  height: number;
}

/** The three shapes the model was trained on, in pixels. */
export const SIZES: readonly Size[] = [
  { width: 96, height: 96 },
  { width: 112, height: 80 },
  { width: 80, height: 112 },
];

/** A small seeded generator (mulberry32): the same pictures on every machine. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** FNV-1a, finished so that every output bit depends on every input bit. */
export function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A boat belongs on the water; everything else may be anywhere (on the sea it gets an islet). */
export function isPossible(scene: Scene): boolean {
  return scene.kind !== 'boat' || scene.ground === 'sea';
}

/**
 * Salt of the held-out rule, chosen so that every triple of attributes stays in training (boats:
 * every pair).
 */
const HELD_OUT_SALT = 'tiny-405';
const HELD_OUT_SHARE = 0.13;

/**
 * Whether a scene is kept out of training. The rule looks at (kind, colour, ground, position) and
 * not at the time of day: a held-out combination is never seen at any hour. Every pair and every
 * triple of attributes occurs in training, so the test asks for recombination, not for new facts.
 */
export function isHeldOut(scene: Scene): boolean {
  const key = [HELD_OUT_SALT, scene.kind, scene.colour, scene.ground, scene.position].join(' ');
  return hash(key) / 4294967296 < HELD_OUT_SHARE;
}

export function allScenes(): Scene[] {
  const scenes: Scene[] = [];
  for (const kind of KINDS)
    for (const colour of COLOURS)
      for (const ground of GROUNDS)
        for (const time of TIMES)
          for (const position of POSITIONS) {
            const scene: Scene = { kind, colour, position, time, ground };
            if (isPossible(scene)) scenes.push(scene);
          }
  return scenes;
}

const POSITION_WORDS: Record<Position, readonly string[]> = {
  left: ['on the left', 'on the left', 'on the left side', 'to the left'],
  middle: ['in the middle', 'in the middle', 'in the center', 'in the centre'],
  right: ['on the right', 'on the right', 'on the right side', 'to the right'],
};
const TIME_WORDS: Record<Time, readonly string[]> = {
  day: ['on a sunny day', 'on a sunny day', 'by day', 'under a blue sky'],
  sunset: ['at sunset', 'at sunset', 'in the evening', 'at dusk'],
  night: ['at night', 'at night', 'under the moon', 'by moonlight'],
};
const GROUND_WORDS: Record<Ground, readonly string[]> = {
  meadow: ['in a meadow', 'in a meadow', 'in a green field', 'on the grass'],
  snow: ['in the snow', 'in the snow', 'in winter', 'on a snowy hill'],
  sea: ['on the sea', 'on the sea', 'on the water', 'at sea'],
  desert: ['in the desert', 'in the desert', 'on the sand', 'among the dunes'],
};
const KIND_WORDS: Record<Kind, readonly string[]> = {
  house: ['house', 'house', 'house', 'cottage'],
  tree: ['tree', 'tree', 'tree', 'round tree'],
  balloon: ['balloon', 'balloon', 'hot air balloon', 'hot-air balloon'],
  boat: ['boat', 'boat', 'sailing boat', 'sailboat'],
  cat: ['cat', 'cat', 'cat', 'kitten'],
  mushroom: ['mushroom', 'mushroom', 'mushroom', 'toadstool'],
  duck: ['duck', 'duck', 'duck', 'duckling'],
};

function article(words: string): string {
  return (/^[aeiou]/.test(words) ? 'an ' : 'a ') + words;
}

/** The plain wording used for tests: "a red cat on the left in the snow, at night". */
export function caption(scene: Scene): string {
  const object = article(`${scene.colour} ${scene.kind}`);
  const { position, ground, time } = scene;
  return `${object} ${POSITION_WORDS[position][0]} ${GROUND_WORDS[ground][0]}, ${TIME_WORDS[time][0]}`;
}

/**
 * One of several thousand wordings. Some leave a part out, so that a short prompt ("a red cat in
 * the snow") is no surprise to the model; what is left out is then free.
 */
export function variedCaption(scene: Scene, next: () => number): string {
  const pick = (words: readonly string[]): string => words[Math.floor(next() * words.length)] as string;
  const object = article(`${scene.colour} ${pick(KIND_WORDS[scene.kind])}`);
  const position = next() < 0.9 ? pick(POSITION_WORDS[scene.position]) : '';
  const ground = next() < 0.95 ? pick(GROUND_WORDS[scene.ground]) : '';
  const time = next() < 0.92 ? pick(TIME_WORDS[scene.time]) : '';
  const order = Math.floor(next() * 5);
  const join = (...parts: string[]): string => parts.filter((part) => part !== '').join(' ');
  const comma = (...parts: string[]): string => parts.filter((part) => part !== '').join(', ');
  let text: string;
  if (order === 0) text = comma(join(object, position, ground), time);
  else if (order === 1) text = comma(join(object, ground, time), position);
  else if (order === 2) text = comma(time, join(object, ground), position);
  else if (order === 3) text = comma(ground, join(object, position), time);
  else text = comma(object, position, ground, time);
  if (next() < 0.12) text = `a picture of ${text}`;
  return text;
}

export interface Prompt {
  prompt: string;
  scene: Scene;
  size: Size;
  heldOut: boolean;
}

/**
 * The prompts of the adherence test: `count` scenes, held out or not, shuffled by `seed`, over the
 * three sizes in turn. The kinds are dealt evenly (a plain shuffle would ask for few boats).
 */
export function testPrompts(count: number, heldOut: boolean, seed = 1): Prompt[] {
  const next = random(seed * 7919 + (heldOut ? 1 : 0));
  const piles = KINDS.map((kind) =>
    allScenes()
      .filter((scene) => scene.kind === kind && isHeldOut(scene) === heldOut)
      .map((scene) => ({ scene, order: next() }))
      .sort((a, b) => a.order - b.order),
  ).filter((pile) => pile.length > 0);
  const prompts: Prompt[] = [];
  for (let i = 0; i < count; i++) {
    const pile = piles[i % piles.length] as { scene: Scene }[];
    const { scene } = pile[Math.floor(i / piles.length) % pile.length] as { scene: Scene };
    const size = SIZES[i % SIZES.length] as Size;
    prompts.push({ prompt: caption(scene), scene, size, heldOut });
  }
  return prompts;
}
