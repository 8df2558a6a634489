import type { Colour, Ground, Kind, Position, Scale, Scene, Thing, Time, Weather } from './grammar.ts';
import { pick } from './random.ts';

// The first wording of each list is the plain one, which tests use.

type Words = readonly [string, ...string[]];

const POSITION_WORDS: Record<Position, Words> = {
  left: ['on the left', 'on the left', 'on the left side', 'to the left'],
  middle: ['in the middle', 'in the middle', 'in the center', 'in the centre'],
  right: ['on the right', 'on the right', 'on the right side', 'to the right'],
};
const RELATION_WORDS: Record<'left' | 'right', Words> = {
  left: ['left of', 'left of', 'to the left of'],
  right: ['right of', 'right of', 'to the right of'],
};
const TIME_WORDS: Record<Time, Words> = {
  day: ['on a sunny day', 'on a sunny day', 'by day', 'under a blue sky'],
  sunset: ['at sunset', 'at sunset', 'in the evening', 'at dusk'],
  night: ['at night', 'at night', 'under the moon', 'by moonlight'],
};
/** Where clouds hide the sun and the moon. */
const CLOUDY_TIME_WORDS: Record<Time, Words> = {
  day: ['by day', 'by day', 'in the daytime'],
  sunset: ['at sunset', 'at sunset', 'in the evening', 'at dusk'],
  night: ['at night', 'at night', 'in the dark'],
};
const GROUND_WORDS: Record<Ground, Words> = {
  meadow: ['in a meadow', 'in a meadow', 'in a green field', 'on the grass'],
  snow: ['in the snow', 'in the snow', 'in winter', 'on a snowy hill'],
  sea: ['on the sea', 'on the sea', 'on the water', 'at sea'],
  desert: ['in the desert', 'in the desert', 'on the sand', 'among the dunes'],
};
const WEATHER_WORDS: Record<Exclude<Weather, 'clear'>, Words> = {
  rain: ['in the rain', 'in the rain', 'while it rains', 'on a rainy day'],
  snow: ['while it snows', 'while it snows', 'under falling snow', 'in a flurry of snow'],
};
const SCALE_WORDS: Record<Scale, Words> = {
  small: ['small ', 'small ', 'little ', 'tiny '],
  usual: [''],
  large: ['large ', 'large ', 'big ', 'huge '],
};
const KIND_WORDS: Record<Kind, Words> = {
  house: ['house', 'house', 'house', 'cottage'],
  tree: ['tree', 'tree', 'tree', 'round tree'],
  balloon: ['balloon', 'balloon', 'hot air balloon', 'hot-air balloon'],
  boat: ['boat', 'boat', 'sailing boat', 'sailboat'],
  cat: ['cat', 'cat', 'cat', 'kitten'],
  mushroom: ['mushroom', 'mushroom', 'mushroom', 'toadstool'],
  duck: ['duck', 'duck', 'duck', 'duckling'],
  car: ['car', 'car', 'car', 'automobile'],
  rabbit: ['rabbit', 'rabbit', 'bunny', 'hare'],
  flower: ['flower', 'flower', 'flower', 'blossom'],
  rocket: ['rocket', 'rocket', 'rocket', 'spaceship'],
};

const plainly = (words: Words): string => words[0];
const join = (...parts: string[]): string => parts.filter((part) => part !== '').join(' ');
const comma = (...parts: string[]): string => parts.filter((part) => part !== '').join(', ');

/** "a small red cat" */
function named({ kind, colour, scale = 'usual' }: Thing, choose: (words: Words) => string): string {
  const scaleWord = choose(SCALE_WORDS[scale]);
  const words = `${scaleWord}${colour satisfies Colour} ${choose(KIND_WORDS[kind])}`;
  return (/^[aeiou]/.test(words) ? 'an ' : 'a ') + words;
}

function timeWords({ time, weather = 'clear' }: Scene): Words {
  return (weather === 'clear' ? TIME_WORDS : CLOUDY_TIME_WORDS)[time];
}

function weatherWords({ weather = 'clear' }: Scene, choose: (words: Words) => string): string {
  return weather === 'clear' ? '' : choose(WEATHER_WORDS[weather]);
}

/**
 * The plain wording used for tests: "a red cat on the left in the snow, at night", "a small blue
 * duck left of a red boat on the sea, at sunset, in the rain".
 */
export function caption(scene: Scene): string {
  const { position, ground, beside } = scene;
  const object = named(scene, plainly);
  const placed = beside
    ? join(object, plainly(RELATION_WORDS[position as 'left' | 'right']), named(beside, plainly))
    : join(object, plainly(POSITION_WORDS[position]));
  const where = join(placed, plainly(GROUND_WORDS[ground]));
  return comma(where, plainly(timeWords(scene)), weatherWords(scene, plainly));
}

/**
 * One of many thousand wordings. Some leave a part out, so that a short prompt ("a red cat in the
 * snow") is no surprise to the model; what is left out is then free. Sizes and weathers that are
 * not the usual ones are always named, so that what is not named is usual.
 */
export function variedCaption(scene: Scene, next: () => number): string {
  const choose = (words: Words): string => pick(words, next);
  const { object, position } = scene.beside ? pairWords(scene, scene.beside, next) : oneWords(scene, next);
  const ground = next() < 0.95 ? choose(GROUND_WORDS[scene.ground]) : '';
  const time = next() < 0.92 ? choose(timeWords(scene)) : '';
  const order = Math.floor(next() * 5);
  const weather = weatherWords(scene, choose);
  let text: string;
  if (order === 0) text = comma(join(object, position, ground), time, weather);
  else if (order === 1) text = comma(join(object, ground, time), position, weather);
  else if (order === 2) text = comma(time, join(object, ground), position, weather);
  else if (order === 3) text = comma(ground, join(object, position), time, weather);
  else text = comma(object, position, ground, time, weather);
  if (next() < 0.12) text = `a picture of ${text}`;
  return text;
}

function oneWords(scene: Scene, next: () => number): { object: string; position: string } {
  const object = named(scene, (words) => pick(words, next));
  return { object, position: next() < 0.9 ? pick(POSITION_WORDS[scene.position], next) : '' };
}

/** The relation from either side, the two sides by name, or, one time in ten, neither. */
function pairWords(scene: Scene, beside: Thing, next: () => number): { object: string; position: string } {
  const choose = (words: Words): string => pick(words, next);
  const side = scene.position as 'left' | 'right';
  const other = side === 'left' ? 'right' : 'left';
  const [first, second] = [named(scene, choose), named(beside, choose)];
  const form = next();
  if (form < 0.4) return { object: join(first, choose(RELATION_WORDS[side]), second), position: '' };
  if (form < 0.8) return { object: join(second, choose(RELATION_WORDS[other]), first), position: '' };
  if (form < 0.9) return { object: `${first} on the ${side} and ${second} on the ${other}`, position: '' };
  return { object: `${first} ${pick(['and', 'next to', 'beside'], next)} ${second}`, position: '' };
}
