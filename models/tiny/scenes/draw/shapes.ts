import { clamp } from './colour.ts';

/** Signed distance to a shape's edge in pixels, negative inside. */
export type Distance = (x: number, y: number) => number;
export type Point = readonly [x: number, y: number];

/** Math.hypot guards against overflow, which costs most of a picture's time. */
function length(x: number, y: number): number {
  return Math.sqrt(x * x + y * y);
}

export function ellipse(cx: number, cy: number, rx: number, ry: number): Distance {
  return (x, y) => {
    const px = (x - cx) / rx;
    const py = (y - cy) / ry;
    const k = length(px, py);
    // Divided by the gradient's length: an even edge even on flat ellipses.
    const g = length(px / rx, py / ry);
    return g < 1e-9 ? -Math.min(rx, ry) : ((k - 1) * k) / g;
  };
}

export function roundBox(x0: number, y0: number, x1: number, y1: number, radius: number): Distance {
  const cx = (x0 + x1) / 2;
  const cy = (y0 + y1) / 2;
  const hx = (x1 - x0) / 2 - radius;
  const hy = (y1 - y0) / 2 - radius;
  return (x, y) => {
    const dx = Math.abs(x - cx) - hx;
    const dy = Math.abs(y - cy) - hy;
    return length(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - radius;
  };
}

export function segment(x0: number, y0: number, x1: number, y1: number, radius: number): Distance {
  return (x, y) => {
    const t = clamp(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1);
    return length(x - x0 - t * (x1 - x0), y - y0 - t * (y1 - y0)) - radius;
  };
}

/** Exact distance to a polygon, grown by `radius` (which also rounds its corners). */
export function polygon(points: readonly Point[], radius: number): Distance {
  const sides = points.map(([ax, ay], i) => {
    const [bx, by] = points.at(i - 1) as Point;
    return { ax, ay, bx, by, distance: segment(ax, ay, bx, by, 0) };
  });
  return (x, y) => {
    let nearest = Infinity;
    let inside = false;
    for (const { ax, ay, bx, by, distance } of sides) {
      nearest = Math.min(nearest, distance(x, y));
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
    }
    return (inside ? -nearest : nearest) - radius;
  };
}

export function union(...shapes: Distance[]): Distance {
  return (x, y) => {
    let nearest = Infinity;
    for (const shape of shapes) nearest = Math.min(nearest, shape(x, y));
    return nearest;
  };
}
