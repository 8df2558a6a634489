import type { Size } from '../sizes.ts';
import type { Template } from './templates.ts';

export type Bytes = Uint8Array | Uint8ClampedArray;

/** Per channel; differences beyond it count no more than this. */
const FAR = 80;
const FAR_IN_AREA = 50;

export function withoutAlpha(rgba: Bytes): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from] as number;
    rgb[to + 1] = rgba[from + 1] as number;
    rgb[to + 2] = rgba[from + 2] as number;
  }
  return rgb;
}

/** Mean difference per channel over some rows; capped per pixel, so that things do not decide. */
export function areaDistance(a: Bytes, b: Bytes, width: number, [y0, y1]: readonly [number, number]): number {
  let sum = 0;
  for (let i = y0 * width * 3; i < y1 * width * 3; i++)
    sum += Math.min(FAR_IN_AREA, Math.abs((a[i] as number) - (b[i] as number)));
  return sum / ((y1 - y0) * width * 3);
}

/** Per pixel: the sum over channels of the capped difference. */
export function pixelDistances(a: Bytes, b: Bytes): Float32Array {
  const out = new Float32Array(a.length / 3);
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let c = 0; c < 3; c++) sum += Math.min(FAR, Math.abs((a[i * 3 + c] as number) - (b[i * 3 + c] as number)));
    out[i] = sum;
  }
  return out;
}

/**
 * The difference from a template that is moved by (dx, dy), and from the empty scene at the same
 * pixels (`without`, per pixel).
 */
export function templateDistance(
  rgb: Bytes,
  { width, height }: Size,
  { points }: Template,
  dx: number,
  dy: number,
  without: Float32Array,
): { residual: number; before: number } {
  let residual = 0;
  let before = 0;
  for (let i = 0; i < points.length; i += 5) {
    const x = (points[i] as number) + dx;
    const y = (points[i + 1] as number) + dy;
    if (x < 0 || y < 0 || x >= width || y >= height) continue;
    const at = y * width + x;
    before += without[at] as number;
    residual += Math.min(FAR, Math.abs((rgb[at * 3] as number) - (points[i + 2] as number)));
    residual += Math.min(FAR, Math.abs((rgb[at * 3 + 1] as number) - (points[i + 3] as number)));
    residual += Math.min(FAR, Math.abs((rgb[at * 3 + 2] as number) - (points[i + 4] as number)));
  }
  return { residual, before };
}
