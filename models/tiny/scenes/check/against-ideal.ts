import type { Box, Picture } from '../draw.ts';
import type { Size } from '../sizes.ts';
import type { Bytes } from './distances.ts';

/** A step of this height, summed over the channels, is an edge. */
const EDGE = 90;

/** Mean absolute difference (0..255) outside the things. */
export function messOf(rgb: Bytes, ideal: Picture): number {
  const { width, height } = ideal;
  const near = closeTo(ideal);
  let sum = 0;
  let count = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (near(x, y)) continue;
      const at = (y * width + x) * 3;
      for (let c = 0; c < 3; c++) sum += Math.abs((rgb[at + c] as number) - (ideal.rgb[at + c] as number));
      count += 3;
    }
  return sum / count;
}

/**
 * How sharp the things are: the mean of the steepest gradients near them, as a share of the
 * renderer's, for as many pixels as have an edge there. Edges may lie elsewhere, but not be soft.
 */
export function edgesOf(rgb: Bytes, ideal: Picture): number {
  const near = closeTo(ideal);
  const wanted = gradients(ideal.rgb, ideal, near).filter((step) => step >= EDGE);
  const steepest = gradients(rgb, ideal, near).slice(0, wanted.length);
  const sum = (steps: Float32Array): number => steps.reduce((total, step) => total + step, 0);
  return sum(steepest) / sum(wanted);
}

/** The gradients near the things, the steepest first. */
function gradients(rgb: Bytes, { width, height }: Size, near: (x: number, y: number) => boolean): Float32Array {
  const steps: number[] = [];
  for (let y = 0; y + 1 < height; y++)
    for (let x = 0; x + 1 < width; x++) {
      if (!near(x, y)) continue;
      const at = (y * width + x) * 3;
      let [across, down] = [0, 0];
      for (let c = 0; c < 3; c++) {
        across += Math.abs((rgb[at + c] as number) - (rgb[at + 3 + c] as number));
        down += Math.abs((rgb[at + c] as number) - (rgb[at + width * 3 + c] as number));
      }
      steps.push(Math.max(across, down));
    }
  return Float32Array.from(steps).sort().reverse();
}

function closeTo({ boxes, width, height }: Picture): (x: number, y: number) => boolean {
  const margin = Math.max(5, Math.round(Math.min(width, height) * 0.05));
  const inside = ([x0, y0, x1, y1]: Box, x: number, y: number): boolean =>
    x >= x0 - margin && x < x1 + margin && y >= y0 - margin && y < y1 + margin;
  return (x, y) => boxes.some((box) => inside(box, x, y));
}
