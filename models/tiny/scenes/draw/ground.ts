import type { Scene } from '../grammar.ts';
import type { Canvas } from './canvas.ts';
import { clamp, mix, type Rgb } from './colour.ts';
import { PALETTES } from './palettes.ts';
import type { Variation } from './variation.ts';
import { skyColours } from './weather.ts';

export function drawGround(canvas: Canvas, scene: Scene, horizon: number, short: number, variation: Variation): void {
  const { width: w, height: h } = canvas;
  const { grounds } = PALETTES[scene.time];
  const [far, near, accent] = grounds[scene.ground];
  const haze = skyColours(scene).sky[2] as Rgb;
  const depth = (y: number): number => clamp((y - horizon) / (h - horizon), 0, 1);
  const body = (y: number): Rgb => mix(far, near, depth(y));
  if (scene.ground === 'sea') {
    canvas.below(() => horizon, body);
    const waves = [
      [0.14, 0.2],
      [0.62, 0.13],
      [0.9, 0.42],
      [0.1, 0.66],
      [0.46, 0.9],
      [0.86, 0.8],
    ] as const;
    for (const [x, y] of waves) {
      const wx = x * w + variation.hills * 1.5;
      const wy = horizon + y * (h - horizon);
      canvas.ellipse(wx, wy, short * 0.07, short * 0.01, accent, 0.75, 1.3);
    }
    return;
  }
  const roll = scene.ground === 'desert' ? 0.05 : 0.045;
  const hill = (x: number): number =>
    horizon - short * roll * (0.6 + Math.sin((x / w) * 6.28 * 0.9 + 0.8 + variation.hills * 0.35));
  const distant = mix(far, haze, 0.25);
  canvas.below(hill, () => distant);
  const front = (x: number): number =>
    horizon + short * 0.03 * Math.sin((x / w) * 6.28 * 0.7 + 3.4 - variation.hills * 0.3);
  canvas.below(front, body);
  if (scene.ground === 'meadow') {
    for (const [x, y] of [
      [0.07, 0.42],
      [0.5, 0.3],
      [0.93, 0.5],
      [0.3, 0.88],
      [0.7, 0.9],
      [0.05, 0.9],
    ] as const)
      canvas.ellipse(x * w, horizon + y * (h - horizon), short * 0.016, short * 0.016, accent, 0.95, 1.2);
  } else if (scene.ground === 'desert') {
    for (const y of [0.45, 0.82]) {
      const ripple = (x: number): number =>
        horizon + y * (h - horizon) + short * 0.025 * Math.sin((x / w) * 6.28 * 1.2 + y * 9);
      canvas.across(ripple, short * 0.012, accent, 0.8, 1.5);
    }
  } else {
    for (const [x, y] of [
      [0.12, 0.75],
      [0.88, 0.75],
    ] as const)
      canvas.ellipse(x * w, horizon + y * (h - horizon), short * 0.16, short * 0.025, far, 0.5, 2.5);
  }
}
