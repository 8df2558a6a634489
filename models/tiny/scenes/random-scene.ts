import type { Scale, Scene, Weather } from './grammar.ts';
import { COLOURS, GROUNDS, isPossible, KINDS, POSITIONS, SCALES, TIMES, WEATHERS } from './grammar.ts';
import { pick } from './random.ts';

const UNUSUAL_SCALES = SCALES.filter((each) => each !== 'usual');
const BAD_WEATHERS = WEATHERS.filter((each) => each !== 'clear');

/**
 * A scene drawn at random: each kind as often as any other, two things, the usual size and clear
 * weather half of the time each. `kind` fixes the first thing's, `pair` whether there is a second
 * one.
 */
export function randomScene(next: () => number, kind = pick(KINDS, next), pair = next() < 0.5): Scene {
  const scale = (): { scale?: Scale } => (next() < 0.5 ? { scale: pick(UNUSUAL_SCALES, next) } : {});
  const weather = (): { weather?: Weather } => (next() < 0.5 ? { weather: pick(BAD_WEATHERS, next) } : {});
  for (;;) {
    const scene: Scene = {
      kind,
      colour: pick(COLOURS, next),
      ...scale(),
      position: pair ? pick(['left', 'right'] as const, next) : pick(POSITIONS, next),
      ...(pair && { beside: { kind: pick(KINDS, next), colour: pick(COLOURS, next), ...scale() } }),
      time: pick(TIMES, next),
      ground: pick(GROUNDS, next),
      ...weather(),
    };
    // A boat makes it the sea: without this, boats would be rare.
    if (!isPossible(scene)) scene.ground = 'sea';
    const { beside } = scene;
    const twins = beside && beside.kind === kind && beside.colour === scene.colour;
    if (!twins) return scene;
  }
}
