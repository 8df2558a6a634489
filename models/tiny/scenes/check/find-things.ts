import type { Ground, Kind } from '../grammar.ts';
import type { Size } from '../sizes.ts';
import { type Air, background, type Sun } from './backgrounds.ts';
import { type Bytes, pixelDistances, templateDistance } from './distances.ts';
import { resized, type Template, type Templates, templatesFor } from './templates.ts';

/** The template that explains the most, beyond what the empty scene explains. */
export interface Found {
  template: Template;
  /** How far it lies from its place, in pixels. */
  dx: number;
  dy: number;
  gain: number;
  /**
   * What the template leaves unexplained: 0 is a perfect match, 1 no better than the empty scene.
   */
  fit: number;
  /** How well the second-best kind explains the thing compared with the best: 1 is a tie. */
  rival: number;
}

/** One thing or two, the first on the left. Empty where nothing explains the pixels at all. */
export function findThings(rgb: Bytes, size: Size, air: Air, ground: Ground): Found[] {
  const templates = templatesFor(size, air.time);
  const empty = (sun: Sun): Float32Array => pixelDistances(rgb, background(size, { ...air, sun }, ground));
  const sides = { left: empty('left'), right: empty('right') };
  const alone = best(rgb, size, templates.alone, ({ position }) => (position === 'right' ? sides.left : sides.right));
  const between = empty('middle');
  const pair = (['left', 'right'] as const).map((side: keyof Templates) =>
    best(rgb, size, templates[side], () => between),
  );
  const [left, right] = pair;
  if (left && right && left.gain + right.gain > (alone?.gain ?? 0)) return [left, right];
  return alone ? [alone] : [];
}

/** What a template may leave unexplained, and a second-best one to count as a rival at all. */
export const FIT_LIMIT = 0.5;
const RIVAL_FIT_LIMIT = 0.6;

function best(
  rgb: Bytes,
  size: Size,
  templates: readonly Template[],
  without: (template: Template) => Float32Array,
): Found | undefined {
  const step = Math.max(2, Math.round(Math.min(size.width, size.height) / 45));
  const rivals = new Map<Kind, number>();
  let found: Found | undefined;
  for (const template of templates) {
    const { kind } = template.thing;
    for (let dy = -2 * step; dy <= 2 * step; dy += step)
      for (let dx = -2 * step; dx <= 2 * step; dx += step) {
        const { residual, before } = templateDistance(rgb, size, template, dx, dy, without(template));
        const gain = (before - residual) * template.share;
        const fit = residual / before;
        if (fit < RIVAL_FIT_LIMIT && gain > (rivals.get(kind) ?? 0)) rivals.set(kind, gain);
        if (isBetter({ gain, fit }, found)) found = { template, dx, dy, gain, fit, rival: 0 };
      }
  }
  if (!found) return undefined;
  const { kind } = found.template.thing;
  found = refined(rgb, size, found, without(found.template), step);
  for (const [other, gain] of rivals) if (other !== kind) found.rival = Math.max(found.rival, gain / found.gain);
  return found;
}

/** The same thing, moved by single pixels and as small and as large as its variation makes it. */
function refined(rgb: Bytes, size: Size, coarse: Found, without: Float32Array, step: number): Found {
  let found = coarse;
  for (const template of [coarse.template, ...resized(coarse.template, size)])
    for (let dy = coarse.dy - step + 1; dy < coarse.dy + step; dy++)
      for (let dx = coarse.dx - step + 1; dx < coarse.dx + step; dx++) {
        const { residual, before } = templateDistance(rgb, size, template, dx, dy, without);
        const gain = (before - residual) * template.share;
        const fit = residual / before;
        if (fit < found.fit) found = { ...found, template, dx, dy, gain, fit };
      }
  return found;
}

/** A large template may explain much and leave more: one that fits comes first. */
function isBetter(a: { gain: number; fit: number }, b: { gain: number; fit: number } | undefined): boolean {
  if (!b) return a.gain > 0;
  const [aFits, bFits] = [a.fit < FIT_LIMIT, b.fit < FIT_LIMIT];
  return aFits === bFits ? a.gain > b.gain : aFits;
}
