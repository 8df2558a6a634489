import { clamp, type Rgb } from './colour.ts';
import { type Distance, ellipse, type Point, polygon, roundBox } from './shapes.ts';

export type Paint = Rgb | ((x: number, y: number) => Rgb);
/** left, top, right, bottom in pixels */
export type Bounds = readonly [number, number, number, number];

export class Canvas {
  readonly width: number;
  readonly height: number;
  /** [height, width, 3], 0..255 */
  readonly data: Float32Array;
  private covered: Float32Array | undefined;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.data = new Float32Array(width * height * 3);
  }

  /** How much of each pixel `draw` covers: [height, width], 0..1. */
  cover(draw: () => void): Float32Array {
    const covered = new Float32Array(this.width * this.height);
    this.covered = covered;
    draw();
    this.covered = undefined;
    return covered;
  }

  /**
   * Paints where `distance` is negative, inside the given bounds; edges are one pixel (or `soft`)
   * wide.
   */
  fill(bounds: Bounds, distance: Distance, paint: Paint, alpha = 1, soft = 1): void {
    const x0 = Math.max(0, Math.floor(bounds[0] - soft));
    const y0 = Math.max(0, Math.floor(bounds[1] - soft));
    const x1 = Math.min(this.width - 1, Math.ceil(bounds[2] + soft));
    const y1 = Math.min(this.height - 1, Math.ceil(bounds[3] + soft));
    for (let y = y0; y <= y1; y++) {
      for (let x = x0; x <= x1; x++) {
        const cover = alpha * clamp(0.5 - distance(x + 0.5, y + 0.5) / soft, 0, 1);
        if (cover <= 0) continue;
        const colour = typeof paint === 'function' ? paint(x + 0.5, y + 0.5) : paint;
        const at = y * this.width + x;
        this.blend(at, colour, cover);
        if (this.covered) this.covered[at] = Math.max(this.covered[at] as number, cover);
      }
    }
  }

  /** Paints each row in its colour. */
  rows(paint: (y: number) => Rgb): void {
    this.below(() => -1, paint);
  }

  /** Paints what lies below `edge`, each row in its colour. */
  below(edge: (x: number) => number, paint: (y: number) => Rgb): void {
    const edges = Float64Array.from({ length: this.width }, (_, x) => edge(x + 0.5));
    for (let y = 0; y < this.height; y++) {
      const colour = paint(y + 0.5);
      for (let x = 0; x < this.width; x++) {
        const cover = clamp(0.5 - ((edges[x] as number) - (y + 0.5)), 0, 1);
        if (cover > 0) this.blend(y * this.width + x, colour, cover);
      }
    }
  }

  /** Paints a line that crosses the picture, `radius` pixels above and below `middle`. */
  across(middle: (x: number) => number, radius: number, colour: Rgb, alpha: number, soft: number): void {
    for (let x = 0; x < this.width; x++) {
      const at = middle(x + 0.5);
      const y0 = Math.max(0, Math.floor(at - radius - soft));
      const y1 = Math.min(this.height - 1, Math.ceil(at + radius + soft));
      for (let y = y0; y <= y1; y++) {
        const cover = alpha * clamp(0.5 - (Math.abs(y + 0.5 - at) - radius) / soft, 0, 1);
        if (cover > 0) this.blend(y * this.width + x, colour, cover);
      }
    }
  }

  /** [height, width, 3], 0..255 */
  bytes(): Uint8Array {
    const { data } = this;
    const bytes = new Uint8Array(data.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = clamp(Math.round(data[i] as number), 0, 255);
    return bytes;
  }

  private blend(at: number, colour: Rgb, cover: number): void {
    const { data } = this;
    for (let c = 0; c < 3; c++) {
      const old = data[at * 3 + c] as number;
      data[at * 3 + c] = old + ((colour[c] as number) - old) * cover;
    }
  }

  ellipse(cx: number, cy: number, rx: number, ry: number, paint: Paint, alpha = 1, soft = 1): void {
    this.fill([cx - rx, cy - ry, cx + rx, cy + ry], ellipse(cx, cy, rx, ry), paint, alpha, soft);
  }

  box(x0: number, y0: number, x1: number, y1: number, radius: number, paint: Paint): void {
    this.fill([x0, y0, x1, y1], roundBox(x0, y0, x1, y1, radius), paint);
  }

  polygon(points: readonly Point[], radius: number, paint: Paint): void {
    const xs = points.map((p) => p[0]);
    const ys = points.map((p) => p[1]);
    const bounds = [
      Math.min(...xs) - radius,
      Math.min(...ys) - radius,
      Math.max(...xs) + radius,
      Math.max(...ys) + radius,
    ] as const;
    this.fill(bounds, polygon(points, radius), paint);
  }
}
