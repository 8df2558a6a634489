import type { Colour, Ground, Time } from '../grammar.ts';
import type { Rgb } from './colour.ts';

export const OBJECT_COLOURS: Record<Colour, Rgb> = {
  red: [220, 42, 44],
  orange: [246, 132, 24],
  yellow: [252, 214, 36],
  green: [22, 138, 78],
  blue: [40, 92, 222],
  pink: [246, 128, 186],
};

export interface Palette {
  sky: readonly Rgb[];
  cloud: Rgb;
  /** Light falling on things: multiplied in. */
  light: Rgb;
  grounds: Record<Ground, readonly [far: Rgb, near: Rgb, accent: Rgb]>;
}

export const PALETTES: Record<Time, Palette> = {
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
