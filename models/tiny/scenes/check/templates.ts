import { SIZE_SPREAD } from '../draw/variation.ts';
import { drawFirst } from '../draw.ts';
import type { Position, Scene, Thing, Time } from '../grammar.ts';
import { COLOURS, KINDS, POSITIONS, SCALES } from '../grammar.ts';
import type { Size } from '../sizes.ts';

/** A thing at a place, as it looks without variation. */
export interface Template {
  thing: Required<Thing>;
  position: Position;
  scene: Scene;
  /** x, y, r, g, b per sampled pixel of the thing. */
  points: Int16Array;
  /** Pixels of the thing per sampled one. */
  share: number;
}

/** Templates of a thing alone, and of one of two on either side. */
export interface Templates {
  alone: Template[];
  left: Template[];
  right: Template[];
}

/** Pixels sampled of a thing, about: more take longer and decide nothing. */
const MOST_POINTS = 400;

const kept = new Map<string, Templates>();

export function templatesFor(size: Size, time: Time): Templates {
  const key = `${size.width}x${size.height} ${time}`;
  let templates = kept.get(key);
  if (!templates) {
    templates = { alone: [], left: [], right: [] };
    for (const kind of KINDS)
      for (const colour of COLOURS)
        for (const scale of SCALES) {
          const thing = { kind, colour, scale };
          for (const position of POSITIONS)
            templates.alone.push(template({ ...thing, position, time, ground: 'meadow' }, size));
          for (const position of ['left', 'right'] as const)
            templates[position].push(template({ ...thing, position, beside: thing, time, ground: 'meadow' }, size));
        }
    kept.set(key, templates);
  }
  return templates;
}

/** The same thing at the ends of its variation in size. */
export function resized({ scene }: Template, size: Size): Template[] {
  return [1 - SIZE_SPREAD, 1 + SIZE_SPREAD].map((factor) => template(scene, size, factor));
}

/** Of the first thing of the scene. Only pixels that it covers wholly: no ground shines through. */
function template(scene: Scene, size: Size, factor = 1): Template {
  const { rgb, cover } = drawFirst(scene, size, factor);
  const area = cover.reduce((sum, value) => sum + (value > 0.98 ? 1 : 0), 0);
  // Every `stride`th pixel, in rows that are shifted against each other.
  const stride = Math.max(2, Math.ceil(area / MOST_POINTS));
  const shift = Math.max(1, Math.round(stride * 0.38));
  const points: number[] = [];
  for (let y = 0; y < size.height; y++)
    for (let x = 0; x < size.width; x++) {
      const at = y * size.width + x;
      if ((x + y * shift) % stride !== 0 || (cover[at] as number) <= 0.98) continue;
      points.push(x, y, rgb[at * 3] as number, rgb[at * 3 + 1] as number, rgb[at * 3 + 2] as number);
    }
  const { kind, colour, scale = 'usual', position } = scene;
  return {
    thing: { kind, colour, scale },
    position,
    scene,
    points: Int16Array.from(points),
    share: (area * 5) / points.length,
  };
}
