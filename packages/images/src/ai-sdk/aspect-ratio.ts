import { type ImageSize, LIMITS, type Manifest, PIXELS_PER_TOKEN } from '@flux-srpo/core';

/**
 * The size that has exactly this ratio and is closest in area to the model's default: a preset
 * where one fits, else sides that are multiples of 16. `undefined` when there is none up to the
 * model's largest preset area, and for what is no ratio.
 *
 * @param aspectRatio `width:height`, whole numbers
 */
export function sizeForRatio(
  aspectRatio: string,
  { sizes, defaults }: Pick<Manifest, 'sizes' | 'defaults'>,
): ImageSize | undefined {
  const match = /^([1-9]\d{0,3}):([1-9]\d{0,3})$/.exec(aspectRatio);
  if (match === null) return undefined;
  const [width, height] = [Number(match[1]), Number(match[2])];
  const target = area(sizes[defaults.size]);
  const presets = Object.values(sizes);
  const fitting = presets.filter((size) => size.width * height === size.height * width);
  if (fitting.length > 0) return closest(fitting, target);
  const divisor = greatestCommonDivisor(width, height);
  const unit = { width: (width / divisor) * PIXELS_PER_TOKEN, height: (height / divisor) * PIXELS_PER_TOKEN };
  const largest = Math.max(...presets.map(area));
  const multiples: ImageSize[] = [];
  for (let k = 1; k * Math.max(unit.width, unit.height) <= LIMITS.side[1] && k * k * area(unit) <= largest; k++) {
    multiples.push({ width: k * unit.width, height: k * unit.height });
  }
  return closest(multiples, target);
}

function closest(sizes: readonly ImageSize[], target: number): ImageSize | undefined {
  const distance = (size: ImageSize) => Math.abs(Math.log(area(size) / target));
  return [...sizes].sort((a, b) => distance(a) - distance(b))[0];
}

function area({ width, height }: ImageSize): number {
  return width * height;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
