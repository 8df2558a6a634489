/** Width and height of a picture in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** What the model was taught: square, landscape, portrait. */
export const SIZES = [
  { width: 160, height: 160 },
  { width: 192, height: 144 },
  { width: 144, height: 192 },
] as const satisfies readonly Size[];
