import type { Scene } from '../grammar.ts';
import type { Canvas } from './canvas.ts';
import { clamp, mix, type Rgb } from './colour.ts';
import { ellipse, union } from './shapes.ts';
import type { Variation } from './variation.ts';
import { skyColours } from './weather.ts';

/** Where sun and moon stand, as a share of the width: opposite the thing, between two. */
export function sunSide({ position, beside }: Scene): number {
  if (beside) return 0.5;
  return position === 'right' ? 0.2 : 0.8;
}

export function drawSky(canvas: Canvas, scene: Scene, horizon: number, short: number, variation: Variation): void {
  const { sky, cloud } = skyColours(scene);
  const [top, middle, low] = sky as readonly [Rgb, Rgb, Rgb];
  canvas.rows((y) => {
    const t = clamp(y / horizon, 0, 1);
    return t < 0.55 ? mix(top, middle, t / 0.55) : mix(middle, low, (t - 0.55) / 0.45);
  });
  if ((scene.weather ?? 'clear') !== 'clear') {
    drawCover(canvas, horizon, short, cloud, variation);
    return;
  }
  drawLights(canvas, scene, horizon, short, variation);
  if (scene.time !== 'night') drawClouds(canvas, scene, horizon, short, cloud, variation);
}

/** Sun, or moon and stars. */
function drawLights(canvas: Canvas, scene: Scene, horizon: number, short: number, variation: Variation): void {
  const { width: w } = canvas;
  const sx = (sunSide(scene) + variation.sun) * w;
  if (scene.time === 'night') {
    for (const [x, y, r] of STARS) canvas.ellipse(x * w, y * horizon, r * short, r * short, [226, 230, 255], 0.95, 1.3);
    const r = short * 0.095;
    const cy = horizon * 0.3;
    canvas.ellipse(sx, cy, r * 1.9, r * 1.9, [150, 160, 220], 0.22, r * 1.4);
    const full = ellipse(sx, cy, r, r);
    const bite = ellipse(sx + r * 0.55, cy - r * 0.2, r * 0.85, r * 0.85);
    canvas.fill([sx - r, cy - r, sx + r, cy + r], (x, y) => Math.max(full(x, y), -bite(x, y)), [255, 244, 200]);
  } else if (scene.time === 'sunset') {
    const r = short * 0.15;
    canvas.ellipse(sx, horizon - r * 0.2, r * 1.7, r * 1.7, [255, 226, 150], 0.4, r);
    canvas.ellipse(sx, horizon - r * 0.2, r, r, [255, 236, 176]);
  } else {
    const r = short * 0.095;
    canvas.ellipse(sx, horizon * 0.3, r * 1.7, r * 1.7, [255, 250, 210], 0.4, r);
    canvas.ellipse(sx, horizon * 0.3, r, r, [255, 226, 96]);
  }
}

/** A large one away from the sun, high; a small one nearer the middle, or on the other side. */
function drawClouds(
  canvas: Canvas,
  scene: Scene,
  horizon: number,
  short: number,
  colour: Rgb,
  { clouds }: Variation,
): void {
  const { width: w } = canvas;
  const [large, small] = scene.beside ? [0.2, 0.82] : [1 - sunSide(scene), 0.5];
  drawCloud(canvas, (large + clouds) * w, horizon * 0.17, short * 0.13, colour);
  drawCloud(canvas, (small - clouds) * w, horizon * (scene.time === 'day' ? 0.3 : 0.24), short * 0.085, colour);
}

/** Clouds from side to side, in rain and snow. */
function drawCover(canvas: Canvas, horizon: number, short: number, colour: Rgb, { clouds }: Variation): void {
  for (const [x, y, r] of [
    [0.06, 0.06, 0.17],
    [0.34, 0.02, 0.19],
    [0.62, 0.07, 0.17],
    [0.92, 0.03, 0.19],
  ] as const)
    drawCloud(canvas, (x + clouds) * canvas.width, y * horizon, r * short, colour);
}

const STARS: readonly (readonly [number, number, number])[] = [
  [0.08, 0.5, 0.011],
  [0.3, 0.14, 0.014],
  [0.42, 0.42, 0.011],
  [0.56, 0.16, 0.012],
  [0.64, 0.56, 0.012],
  [0.92, 0.66, 0.011],
  [0.24, 0.72, 0.011],
  [0.06, 0.12, 0.012],
  [0.95, 0.1, 0.012],
];

function drawCloud(canvas: Canvas, cx: number, cy: number, r: number, colour: Rgb): void {
  const shape = union(
    ellipse(cx, cy, r * 0.9, r * 0.52),
    ellipse(cx - r * 0.75, cy + r * 0.16, r * 0.6, r * 0.34),
    ellipse(cx + r * 0.75, cy + r * 0.16, r * 0.6, r * 0.36),
  );
  canvas.fill([cx - r * 1.5, cy - r, cx + r * 1.5, cy + r], shape, colour, 0.92, 1.4);
}
