import type { Scene, Time, Weather } from '../grammar.ts';
import type { Canvas } from './canvas.ts';
import { mix, type Rgb } from './colour.ts';
import { PALETTES } from './palettes.ts';
import { segment } from './shapes.ts';

type Falling = Exclude<Weather, 'clear'>;

/** What the sky turns to, and how far. */
const VEILS: Record<Falling, Record<Time, readonly [Rgb, number]>> = {
  rain: {
    day: [[116, 130, 150], 0.7],
    sunset: [[120, 84, 116], 0.5],
    night: [[20, 24, 38], 0.6],
  },
  snow: {
    day: [[224, 230, 238], 0.75],
    sunset: [[240, 186, 190], 0.6],
    night: [[84, 94, 140], 0.5],
  },
};

/** Colours of the sky from the zenith to the horizon, and of the clouds. */
export function skyColours({ time, weather = 'clear' }: Scene): { sky: readonly Rgb[]; cloud: Rgb } {
  const { sky, cloud } = PALETTES[time];
  if (weather === 'clear') return { sky, cloud };
  const [veil, share] = VEILS[weather][time];
  return {
    sky: sky.map((colour) => mix(colour, veil, share)),
    cloud: mix(veil, weather === 'rain' ? [40, 44, 60] : [255, 255, 255], 0.4),
  };
}

const COUNT = 44;

/**
 * Rain and snow fall behind the things. Each drop and flake has its place, spread evenly by the
 * plastic number (the generalised golden ratio): a model cannot guess places that change.
 */
export function drawFalling(canvas: Canvas, { time, weather = 'clear' }: Scene, short: number): void {
  if (weather === 'clear') return;
  const { width: w, height: h } = canvas;
  const brightness = time === 'night' ? 0.72 : 1;
  for (let i = 0; i < COUNT; i++) {
    const x = ((0.5 + i * 0.7548776662) % 1) * w;
    const y = ((0.5 + i * 0.5698402909) % 1) * h;
    if (weather === 'snow') {
      const r = short * (0.011 + 0.004 * (i % 3));
      const white = 255 * (0.4 + 0.6 * brightness);
      canvas.ellipse(x, y, r, r, [white, white, 255], 0.95);
    } else {
      const length = short * 0.07;
      const drop: Rgb = [206 * brightness, 224 * brightness, 246 * brightness];
      const [x1, y1] = [x - length * 0.3, y + length];
      canvas.fill([x1 - 1, y - 1, x + 1, y1 + 1], segment(x, y, x1, y1, 0.5), drop, 0.8);
    }
  }
}
