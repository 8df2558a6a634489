import { drawScene } from '../draw.ts';
import type { Ground, Position, Scene, Time, Weather } from '../grammar.ts';
import type { Size } from '../sizes.ts';

/** Where the sun stands follows from the things: opposite one, between two. */
export type Sun = 'left' | 'middle' | 'right';

export interface Air {
  time: Time;
  weather: Weather;
  sun: Sun;
}

const kept = new Map<string, Uint8Array>();

/** The plain scene without things: [height, width, 3], 0..255. */
export function background(size: Size, { time, weather, sun }: Air, ground: Ground): Uint8Array {
  const key = `${size.width}x${size.height} ${time} ${weather} ${sun} ${ground}`;
  let rgb = kept.get(key);
  if (!rgb) {
    const position: Position = sun === 'left' ? 'right' : 'left';
    const beside = sun === 'middle' && { beside: { kind: 'cat', colour: 'red' } as const };
    const scene: Scene = { kind: 'cat', colour: 'red', position, ...beside, time, ground, weather };
    rgb = drawScene(scene, size, { things: false }).rgb;
    kept.set(key, rgb);
  }
  return rgb;
}
