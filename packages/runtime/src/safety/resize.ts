import type { ImageSize } from '@flux-srpo/core';
import type { GeneratedImage } from '../generation/picture.ts';

/**
 * Pillow's resampling, which prepared the pictures that image classifiers were trained on. It goes
 * horizontally first, as Pillow did up to 12; from 13.0 on Pillow sometimes goes vertically first,
 * which changes one byte in five by 1. A browser's canvas resamples in its own way, and some
 * browsers add noise to what is read back from it.
 * @see https://github.com/python-pillow/Pillow/blob/12.0.0/src/libImaging/Resample.c
 */

interface Filter {
  /** Source pixels to either side, when not shrinking. */
  support: number;
  weight(distance: number): number;
}

/** By Pillow's number. 0, nearest, needs none. */
const FILTERS: Readonly<Record<number, Filter>> = {
  1: { support: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
  2: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  3: { support: 2, weight: (x) => cubic(Math.abs(x)) },
  4: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  5: { support: 1, weight: (x) => (Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0) },
};

const RESAMPLE_NEAREST = 0;
export const RESAMPLE_FILTERS: readonly number[] = [RESAMPLE_NEAREST, ...Object.keys(FILTERS).map(Number)];

/** Fixed point of a weight: 32 bits less 8 for the byte and 2 for overshoot of sums. */
const ONE = 2 ** 22;

/** One output pixel as a weighted sum of source pixels from `first` on. */
interface Window {
  first: number;
  weights: number[];
}

/** @param resample one of `RESAMPLE_FILTERS` */
export function resize(image: GeneratedImage, { width, height }: ImageSize, resample: number): GeneratedImage {
  const wide = width === image.width ? image : resizeWidth(image, windows(image.width, width, resample));
  return height === image.height ? wide : resizeHeight(wide, windows(image.height, height, resample));
}

function resizeWidth({ rgb, width: from, height }: GeneratedImage, columns: readonly Window[]): GeneratedImage {
  const width = columns.length;
  const out = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    for (const [x, { first, weights }] of columns.entries()) {
      for (let c = 0; c < 3; c++) {
        out[3 * (y * width + x) + c] = weightedByte(rgb, 3 * (y * from + first) + c, 3, weights);
      }
    }
  }
  return { width, height, rgb: out };
}

function resizeHeight({ rgb, width }: GeneratedImage, rows: readonly Window[]): GeneratedImage {
  const stride = 3 * width;
  const out = new Uint8Array(stride * rows.length);
  for (const [y, { first, weights }] of rows.entries()) {
    for (let i = 0; i < stride; i++) out[y * stride + i] = weightedByte(rgb, first * stride + i, stride, weights);
  }
  return { width, height: rows.length, rgb: out };
}

/** @param stride from one byte of the sum to the next */
function weightedByte(bytes: Uint8Array, start: number, stride: number, weights: readonly number[]): number {
  let sum = ONE / 2;
  for (let k = 0; k < weights.length; k++) sum += (weights[k] as number) * (bytes[start + k * stride] as number);
  return Math.min(255, Math.max(0, Math.floor(sum / ONE)));
}

function windows(from: number, to: number, resample: number): Window[] {
  const scale = from / to;
  const filter = FILTERS[resample];
  if (filter === undefined) {
    // Pillow adds up the scale pixel by pixel, and its rounding errors with it.
    const nearest: Window[] = [];
    for (let at = scale / 2; nearest.length < to; at += scale) nearest.push({ first: Math.floor(at), weights: [ONE] });
    return nearest;
  }
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const raw = Array.from({ length: end - first }, (_, k) => filter.weight((k + first - centre + 0.5) / stretch));
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: raw.map((weight) => roundAway((weight / total) * ONE)) };
  });
}

/** Halves away from zero, as C's cast after adding ±0.5. */
function roundAway(value: number): number {
  return Math.trunc(value + (value < 0 ? -0.5 : 0.5));
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Keys' cubic with a = −0.5. */
function cubic(x: number): number {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}
