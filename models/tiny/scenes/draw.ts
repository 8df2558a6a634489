// Draws a scene with anti-aliased signed distance shapes. No canvas, no dependencies: the same
// bytes in Node and in a browser (up to the last bit of Math.sin and friends).
//
// What can be decided by the scene is decided by the scene: the sun stands opposite the object,
// stars and flowers have fixed places. A first model was trained on pictures whose sun fell on
// either side; it answered with two suns. Only small things vary (place, size, clouds, hills,
// shade).

import type { Colour, Scene, Size, Time } from './grammar.ts';
import { random } from './grammar.ts';

type Rgb = readonly [number, number, number];
type Distance = (x: number, y: number) => number;
type Paint = Rgb | ((x: number, y: number) => Rgb);

export interface Picture {
  rgb: Uint8Array;
  width: number;
  height: number;
  /** Where the object is: [left, top, right, bottom] in pixels. */
  box: [number, number, number, number];
  /** 0..255 per pixel: how much of it the object covers (for the checker). */
  mask: Uint8Array;
}

export interface DrawOptions {
  /** Seed of the small variations; without it the picture is the plain, centred one. */
  seed?: number;
  /** false leaves the object (and its shadow or islet) out. */
  object?: boolean;
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));
const mix = (a: Rgb, b: Rgb, t: number): Rgb => [
  a[0] + (b[0] - a[0]) * t,
  a[1] + (b[1] - a[1]) * t,
  a[2] + (b[2] - a[2]) * t,
];
const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];

class Canvas {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
  mask: Float32Array | undefined;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.data = new Float32Array(width * height * 3);
  }

  /**
   * Paints where `distance` is negative, inside the given bounds; edges are one pixel (or `soft`)
   * wide.
   */
  fill(bounds: readonly [number, number, number, number], distance: Distance, paint: Paint, alpha = 1, soft = 1): void {
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
        for (let c = 0; c < 3; c++) {
          const old = this.data[at * 3 + c] as number;
          this.data[at * 3 + c] = old + ((colour[c] as number) - old) * cover;
        }
        if (this.mask) this.mask[at] = Math.max(this.mask[at] as number, cover);
      }
    }
  }

  all(distance: Distance, paint: Paint, alpha = 1, soft = 1): void {
    this.fill([0, 0, this.width, this.height], distance, paint, alpha, soft);
  }

  ellipse(cx: number, cy: number, rx: number, ry: number, paint: Paint, alpha = 1, soft = 1): void {
    this.fill([cx - rx, cy - ry, cx + rx, cy + ry], ellipse(cx, cy, rx, ry), paint, alpha, soft);
  }

  box(x0: number, y0: number, x1: number, y1: number, radius: number, paint: Paint): void {
    this.fill([x0, y0, x1, y1], roundBox(x0, y0, x1, y1, radius), paint);
  }

  polygon(points: readonly (readonly [number, number])[], radius: number, paint: Paint): void {
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

function ellipse(cx: number, cy: number, rx: number, ry: number): Distance {
  return (x, y) => {
    const px = (x - cx) / rx;
    const py = (y - cy) / ry;
    const k = Math.hypot(px, py);
    // Divided by the gradient's length: an even edge even on flat ellipses.
    const g = Math.hypot(px / rx, py / ry);
    return g < 1e-9 ? -Math.min(rx, ry) : ((k - 1) * k) / g;
  };
}

function roundBox(x0: number, y0: number, x1: number, y1: number, radius: number): Distance {
  const cx = (x0 + x1) / 2;
  const cy = (y0 + y1) / 2;
  const hx = (x1 - x0) / 2 - radius;
  const hy = (y1 - y0) / 2 - radius;
  return (x, y) => {
    const dx = Math.abs(x - cx) - hx;
    const dy = Math.abs(y - cy) - hy;
    return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - radius;
  };
}

function segment(x0: number, y0: number, x1: number, y1: number, radius: number): Distance {
  return (x, y) => {
    const t = clamp(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1);
    return Math.hypot(x - x0 - t * (x1 - x0), y - y0 - t * (y1 - y0)) - radius;
  };
}

/** Exact distance to a polygon, grown by `radius` (which also rounds its corners). */
function polygon(points: readonly (readonly [number, number])[], radius: number): Distance {
  return (x, y) => {
    let nearest = Infinity;
    let inside = false;
    for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
      const [ax, ay] = points[i] as readonly [number, number];
      const [bx, by] = points[j] as readonly [number, number];
      nearest = Math.min(nearest, segment(ax, ay, bx, by, 0)(x, y));
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
    }
    return (inside ? -nearest : nearest) - radius;
  };
}

const OBJECT_COLOURS: Record<Colour, Rgb> = {
  red: [220, 42, 44],
  orange: [246, 132, 24],
  yellow: [252, 214, 36],
  green: [22, 138, 78],
  blue: [40, 92, 222],
  pink: [246, 128, 186],
};

interface Palette {
  sky: readonly Rgb[];
  cloud: Rgb;
  /** Light falling on things: multiplied in. */
  light: Rgb;
  grounds: Record<Scene['ground'], readonly [far: Rgb, near: Rgb, accent: Rgb]>;
}

const PALETTES: Record<Time, Palette> = {
  day: {
    sky: [
      [84, 164, 236],
      [150, 204, 246],
      [214, 238, 250],
    ],
    cloud: [255, 255, 255],
    light: [1, 1, 1],
    grounds: {
      meadow: [
        [120, 190, 84],
        [160, 214, 92],
        [255, 250, 240],
      ],
      snow: [
        [214, 226, 242],
        [248, 250, 255],
        [255, 255, 255],
      ],
      sea: [
        [44, 138, 176],
        [70, 172, 196],
        [160, 220, 228],
      ],
      desert: [
        [216, 176, 120],
        [238, 208, 152],
        [222, 184, 128],
      ],
    },
  },
  sunset: {
    sky: [
      [98, 68, 140],
      [222, 104, 118],
      [255, 190, 120],
    ],
    cloud: [246, 150, 146],
    light: [1, 0.92, 0.9],
    grounds: {
      meadow: [
        [98, 130, 70],
        [126, 152, 74],
        [250, 220, 200],
      ],
      snow: [
        [214, 170, 190],
        [240, 208, 208],
        [255, 230, 220],
      ],
      sea: [
        [92, 92, 134],
        [82, 108, 142],
        [246, 176, 140],
      ],
      desert: [
        [178, 112, 84],
        [206, 146, 100],
        [186, 122, 88],
      ],
    },
  },
  night: {
    sky: [
      [10, 14, 46],
      [24, 34, 84],
      [52, 66, 122],
    ],
    cloud: [60, 72, 122],
    light: [0.9, 0.88, 0.97],
    grounds: {
      meadow: [
        [26, 62, 56],
        [36, 82, 60],
        [150, 170, 180],
      ],
      snow: [
        [104, 120, 172],
        [142, 158, 204],
        [180, 190, 224],
      ],
      sea: [
        [14, 40, 84],
        [20, 56, 104],
        [90, 120, 170],
      ],
      desert: [
        [84, 74, 92],
        [116, 98, 104],
        [92, 80, 96],
      ],
    },
  },
};

interface Jitter {
  x: number;
  size: number;
  shade: number;
  clouds: number;
  hills: number;
  sun: number;
}

const STILL: Jitter = { x: 0, size: 1, shade: 1, clouds: 0, hills: 0, sun: 0 };

function jitterFrom(seed: number | undefined): Jitter {
  if (seed === undefined) return STILL;
  const next = random(seed);
  const spread = (amount: number): number => (next() * 2 - 1) * amount;
  return {
    x: spread(0.015),
    size: 1 + spread(0.05),
    shade: 1 + spread(0.04),
    clouds: spread(0.04),
    hills: spread(1),
    sun: spread(0.015),
  };
}

export function drawScene(scene: Scene, size: Size, options: DrawOptions = {}): Picture {
  const { width: w, height: h } = size;
  const jitter = jitterFrom(options.seed);
  const canvas = new Canvas(w, h);
  const palette = PALETTES[scene.time];
  const short = Math.min(w, h);
  const horizon = h * 0.6;

  drawSky(canvas, scene, palette, horizon, short, jitter);
  drawGround(canvas, scene, palette, horizon, short, jitter);

  canvas.mask = new Float32Array(w * h);
  const box: Picture['box'] = [0, 0, 0, 0];
  if (options.object !== false) {
    const unit = short * 0.56 * jitter.size;
    // A quarter of the way in, but never over the edge of a narrow picture.
    const aside = Math.max(0, w / 2 - Math.max(0.27 * w, short * 0.56 * 0.55));
    const cx = w / 2 + { left: -aside, middle: 0, right: aside }[scene.position] + jitter.x * w;
    // Portrait pictures have a deep foreground: things stand a little above its middle.
    const base = scene.kind === 'balloon' ? h * 0.36 + unit * 0.62 : horizon + (h - horizon) * 0.62;
    const shade = (colour: Rgb, amount = 1): Rgb => [
      clamp(colour[0] * palette.light[0] * amount, 0, 255),
      clamp(colour[1] * palette.light[1] * amount, 0, 255),
      clamp(colour[2] * palette.light[2] * amount, 0, 255),
    ];
    drawStand(canvas, scene, palette, cx, base, unit, shade);
    canvas.mask.fill(0);
    drawObject(canvas, scene, cx, base, unit, (colour, amount = 1) => shade(colour, amount * jitter.shade));
    let [x0, y0, x1, y1] = [w, h, 0, 0];
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++)
        if ((canvas.mask[y * w + x] as number) > 0.3) {
          x0 = Math.min(x0, x);
          x1 = Math.max(x1, x + 1);
          y0 = Math.min(y0, y);
          y1 = Math.max(y1, y + 1);
        }
    box.splice(0, 4, x0, y0, x1, y1);
  }

  const rgb = new Uint8Array(w * h * 3);
  for (let i = 0; i < rgb.length; i++) rgb[i] = clamp(Math.round(canvas.data[i] as number), 0, 255);
  const mask = Uint8Array.from(canvas.mask, (value) => Math.round(value * 255));
  return { rgb, width: w, height: h, box, mask };
}

function drawSky(canvas: Canvas, scene: Scene, palette: Palette, horizon: number, short: number, jitter: Jitter): void {
  const { width: w } = canvas;
  const [top, middle, low] = palette.sky as readonly [Rgb, Rgb, Rgb];
  canvas.all(
    () => -1,
    (_x, y) => {
      const t = clamp(y / horizon, 0, 1);
      return t < 0.55 ? mix(top, middle, t / 0.55) : mix(middle, low, (t - 0.55) / 0.45);
    },
  );
  // Always opposite the object; for an object in the middle, on the right.
  const side = scene.position === 'right' ? 0.2 : 0.8;
  const sx = (side + jitter.sun) * w;
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
  if (scene.time !== 'night') {
    // One cloud on the object's side, high; a small one near the middle.
    const cloudX = (1 - side + jitter.clouds) * w;
    drawCloud(canvas, cloudX, horizon * 0.17, short * 0.13, palette.cloud);
    drawCloud(
      canvas,
      (0.5 + jitter.clouds * -1) * w,
      horizon * (scene.time === 'day' ? 0.3 : 0.24),
      short * 0.085,
      palette.cloud,
    );
  }
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
  const parts = [
    ellipse(cx, cy, r * 0.9, r * 0.52),
    ellipse(cx - r * 0.75, cy + r * 0.16, r * 0.6, r * 0.34),
    ellipse(cx + r * 0.75, cy + r * 0.16, r * 0.6, r * 0.36),
  ];
  canvas.fill(
    [cx - r * 1.5, cy - r, cx + r * 1.5, cy + r],
    (x, y) => Math.min(...parts.map((part) => part(x, y))),
    colour,
    0.92,
    1.4,
  );
}

function drawGround(
  canvas: Canvas,
  scene: Scene,
  palette: Palette,
  horizon: number,
  short: number,
  jitter: Jitter,
): void {
  const { width: w, height: h } = canvas;
  const [far, near, accent] = palette.grounds[scene.ground];
  const depth = (y: number): number => clamp((y - horizon) / (h - horizon), 0, 1);
  const body = (_x: number, y: number): Rgb => mix(far, near, depth(y));
  if (scene.ground === 'sea') {
    canvas.all((_x, y) => horizon - y, body);
    const waves = [
      [0.14, 0.2],
      [0.62, 0.13],
      [0.9, 0.42],
      [0.1, 0.66],
      [0.46, 0.9],
      [0.86, 0.8],
    ] as const;
    for (const [x, y] of waves) {
      const wx = x * w + jitter.hills * 1.5;
      const wy = horizon + y * (h - horizon);
      canvas.ellipse(wx, wy, short * 0.07, short * 0.01, accent, 0.75, 1.3);
    }
    return;
  }
  const roll = scene.ground === 'desert' ? 0.05 : 0.045;
  const hill = (x: number): number =>
    horizon - short * roll * (0.6 + Math.sin((x / w) * 6.28 * 0.9 + 0.8 + jitter.hills * 0.35));
  canvas.all((x, y) => hill(x) - y, mix(far, palette.sky[2] as Rgb, 0.25));
  const front = (x: number): number =>
    horizon + short * 0.03 * Math.sin((x / w) * 6.28 * 0.7 + 3.4 - jitter.hills * 0.3);
  canvas.all((x, y) => front(x) - y, body);
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
    for (const y of [0.45, 0.82])
      canvas.all(
        (x, py) => {
          const line = horizon + y * (h - horizon) + short * 0.025 * Math.sin((x / w) * 6.28 * 1.2 + y * 9);
          return Math.abs(py - line) - short * 0.012;
        },
        accent,
        0.8,
        1.5,
      );
  } else {
    for (const [x, y] of [
      [0.12, 0.75],
      [0.88, 0.75],
    ] as const)
      canvas.ellipse(x * w, horizon + y * (h - horizon), short * 0.16, short * 0.025, far, 0.5, 2.5);
  }
}

type Shade = (colour: Rgb, amount?: number) => Rgb;

/** What the object stands on: a shadow, an islet in the sea, or ripples for what floats. */
function drawStand(
  canvas: Canvas,
  scene: Scene,
  palette: Palette,
  cx: number,
  base: number,
  unit: number,
  shade: Shade,
): void {
  const [far, near, accent] = palette.grounds[scene.ground];
  if (scene.kind === 'balloon') {
    // Its shadow lies far below, on the ground.
    const y = canvas.height * 0.86;
    canvas.ellipse(cx, y, unit * 0.2, unit * 0.04, mix(far, BLACK, 0.35), 0.5, 2);
    return;
  }
  const floats = scene.kind === 'boat' || scene.kind === 'duck';
  if (scene.ground === 'sea' && floats) {
    canvas.ellipse(cx, base + unit * 0.01, unit * 0.5, unit * 0.06, mix(near, accent, 0.55), 0.9, 1.5);
  } else if (scene.ground === 'sea') {
    canvas.ellipse(cx, base + unit * 0.04, unit * 0.56, unit * 0.12, shade([238, 216, 160]));
    canvas.ellipse(cx, base + unit * 0.02, unit * 0.4, unit * 0.06, shade([208, 184, 128]), 0.7, 2);
  } else {
    canvas.ellipse(cx, base, unit * 0.44, unit * 0.065, mix(far, BLACK, 0.35), 0.55, 2);
  }
}

function drawObject(canvas: Canvas, scene: Scene, cx: number, base: number, unit: number, shade: Shade): void {
  // Local coordinates: x to the right of the middle, y up from the base, both in units of the
  // object. Everything with a face looks towards the middle of the picture.
  const turn = scene.position === 'left' ? 1 : -1;
  const X = (x: number): number => cx + x * unit;
  const Y = (y: number): number => base - y * unit;
  const raw = OBJECT_COLOURS[scene.colour];
  const main = shade(raw);
  const dark = shade(mix(raw, BLACK, 0.2));
  const pale = shade(mix(raw, WHITE, 0.45));
  const cream = shade([255, 246, 224]);
  const brown = shade([122, 78, 48]);
  const ink: Rgb = [38, 30, 44];
  const round = (x: number, y: number, rx: number, ry: number, paint: Paint, alpha = 1, soft = 1): void =>
    canvas.ellipse(X(x), Y(y), rx * unit, ry * unit, paint, alpha, soft);
  const poly = (points: readonly (readonly [number, number])[], radius: number, paint: Paint): void =>
    canvas.polygon(
      points.map(([x, y]) => [X(x), Y(y)] as const),
      radius * unit,
      paint,
    );
  /** Lit from above: paler at the top, darker at the bottom. */
  const lit =
    (top: number, bottom: number): Paint =>
    (_x, y) => {
      const t = clamp((y - Y(top)) / (Y(bottom) - Y(top)), 0, 1);
      return t < 0.5 ? mix(mix(main, pale, 0.35), main, t * 2) : mix(main, dark, (t - 0.5) * 1.2);
    };

  switch (scene.kind) {
    case 'house': {
      const roof = shade([104, 72, 78]);
      canvas.box(X(0.16), Y(0.98), X(0.3), Y(0.6), unit * 0.02, shade([150, 110, 104]));
      canvas.box(X(-0.4), Y(0.58), X(0.4), Y(-0.01), unit * 0.05, lit(0.58, 0));
      poly(
        [
          [-0.46, 0.56],
          [0.46, 0.56],
          [0, 0.96],
        ],
        0.045,
        roof,
      );
      const window: Rgb = scene.time === 'day' ? [214, 238, 255] : [255, 226, 120];
      for (const x of [-0.22, 0.22]) canvas.box(X(x - 0.11), Y(0.46), X(x + 0.11), Y(0.24), unit * 0.04, window);
      canvas.box(X(-0.085), Y(0.3), X(0.085), Y(-0.01), unit * 0.05, brown);
      break;
    }
    case 'tree': {
      canvas.box(X(-0.085), Y(0.42), X(0.085), Y(-0.02), unit * 0.03, brown);
      const parts = [
        [0, 0.76, 0.27],
        [-0.21, 0.56, 0.22],
        [0.21, 0.56, 0.22],
        [0, 0.54, 0.24],
      ] as const;
      const shapes = parts.map(([x, y, r]) => ellipse(X(x), Y(y), r * unit, r * unit));
      canvas.fill([X(-0.5), Y(1.1), X(0.5), Y(0.2)], (x, y) => Math.min(...shapes.map((s) => s(x, y))), lit(1.03, 0.3));
      round(-0.09, 0.86, 0.1, 0.08, pale, 0.7, 2);
      break;
    }
    case 'balloon': {
      for (const side of [-1, 1]) {
        const line = segment(X(side * 0.2), Y(0.34), X(side * 0.09), Y(0.12), unit * 0.012);
        canvas.fill([X(-0.25), Y(0.4), X(0.25), Y(0.1)], line, shade([90, 62, 50]));
      }
      canvas.box(X(-0.12), Y(0.14), X(0.12), Y(-0.06), unit * 0.035, brown);
      const bag = ellipse(X(0), Y(0.7), unit * 0.4, unit * 0.41);
      const neck = polygon(
        [
          [X(-0.35), Y(0.55)],
          [X(0.35), Y(0.55)],
          [X(0.13), Y(0.27)],
          [X(-0.13), Y(0.27)],
        ],
        unit * 0.02,
      );
      const whole: Distance = (x, y) => Math.min(bag(x, y), neck(x, y));
      const bounds = [X(-0.42), Y(1.14), X(0.42), Y(0.22)] as const;
      canvas.fill(bounds, whole, lit(1.1, 0.3));
      const stripe = ellipse(X(0), Y(0.66), unit * 0.14, unit * 0.5);
      canvas.fill(bounds, (x, y) => Math.max(whole(x, y), stripe(x, y)), cream, 0.85);
      break;
    }
    case 'boat': {
      canvas.box(X(-0.035), Y(1.06), X(0.025), Y(0.2), unit * 0.01, brown);
      poly(
        [
          [-0.07, 1.0],
          [-0.07, 0.3],
          [-0.42, 0.3],
        ],
        0.03,
        lit(1, 0.3),
      );
      poly(
        [
          [0.06, 0.92],
          [0.06, 0.3],
          [0.36, 0.3],
        ],
        0.03,
        lit(1, 0.3),
      );
      poly(
        [
          [-0.5, 0.2],
          [0.5, 0.2],
          [0.34, 0.01],
          [-0.34, 0.01],
        ],
        0.03,
        cream,
      );
      poly(
        [
          [-0.5, 0.2],
          [0.5, 0.2],
          [0.47, 0.16],
          [-0.47, 0.16],
        ],
        0.03,
        main,
      );
      break;
    }
    case 'cat': {
      const tail = [
        segment(X(turn * -0.22), Y(0.07), X(turn * -0.42), Y(0.16), unit * 0.065),
        segment(X(turn * -0.42), Y(0.16), X(turn * -0.4), Y(0.38), unit * 0.065),
      ];
      canvas.fill([X(-0.55), Y(0.5), X(0.55), Y(-0.05)], (x, y) => Math.min(...tail.map((s) => s(x, y))), dark);
      round(0, 0.25, 0.29, 0.27, lit(0.5, -0.02));
      round(0, 0.2, 0.15, 0.17, pale);
      for (const side of [-1, 1])
        poly(
          [
            [side * 0.3, 1.0],
            [side * 0.32, 0.74],
            [side * 0.06, 0.86],
          ],
          0.03,
          dark,
        );
      round(0, 0.67, 0.36, 0.28, lit(0.96, 0.38));
      round(0, 0.57, 0.15, 0.11, cream);
      for (const side of [-1, 1]) {
        round(side * 0.17, 0.72, 0.07, 0.085, ink);
        round(side * 0.17 + turn * 0.02, 0.75, 0.026, 0.028, WHITE);
      }
      round(0, 0.62, 0.045, 0.032, shade([214, 92, 110]));
      break;
    }
    case 'mushroom': {
      canvas.box(X(-0.17), Y(0.55), X(0.17), Y(-0.01), unit * 0.11, cream);
      const cap = ellipse(X(0), Y(0.46), unit * 0.48, unit * 0.5);
      const under = Y(0.44);
      canvas.fill([X(-0.5), Y(1), X(0.5), Y(0.4)], (x, y) => Math.max(cap(x, y), y - under), lit(0.96, 0.44));
      round(0, 0.45, 0.46, 0.06, dark);
      for (const [x, y, r] of [
        [0, 0.78, 0.1],
        [-0.27, 0.61, 0.08],
        [0.27, 0.61, 0.08],
      ] as const)
        round(x, y, r, r, cream);
      for (const side of [-1, 1]) round(side * 0.075, 0.24, 0.032, 0.042, ink);
      break;
    }
    case 'duck': {
      const beak: Rgb = scene.colour === 'orange' || scene.colour === 'red' ? [252, 206, 60] : [246, 128, 28];
      poly(
        [
          [turn * -0.3, 0.3],
          [turn * -0.52, 0.5],
          [turn * -0.44, 0.18],
        ],
        0.03,
        dark,
      );
      round(turn * -0.06, 0.25, 0.42, 0.27, lit(0.5, -0.02));
      round(turn * 0.44, 0.68, 0.12, 0.055, shade(beak));
      round(turn * 0.2, 0.7, 0.24, 0.24, lit(0.94, 0.4));
      round(turn * -0.12, 0.29, 0.21, 0.13, dark, 0.7);
      round(turn * 0.27, 0.76, 0.05, 0.06, ink);
      round(turn * 0.285, 0.78, 0.018, 0.02, WHITE);
      break;
    }
  }
}
