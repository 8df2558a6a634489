import { InputError } from '../errors.ts';
import { LIMITS } from '../limits.ts';

/**
 * Pixels, latent cells and tokens.
 *
 * The VAE makes one latent cell of 8×8 pixels. Packing makes one token of 2×2 latent cells, so a
 * token is 16×16 pixels.
 */

export const PIXELS_PER_LATENT = 8;
export const PIXELS_PER_TOKEN = 16;

const [MIN_SIDE, MAX_SIDE] = LIMITS.side;

/** Pixels. */
export interface ImageSize {
  width: number;
  height: number;
}

/** Rows and columns, of latent cells or of tokens. */
export interface Grid {
  height: number;
  width: number;
}

/** Latent cells of a picture: h = H / 8, w = W / 8. */
export function latentGrid(size: ImageSize): Grid {
  return { height: size.height / PIXELS_PER_LATENT, width: size.width / PIXELS_PER_LATENT };
}

/** Tokens of a picture: H / 16 rows of W / 16. */
export function tokenGrid(size: ImageSize): Grid {
  return { height: size.height / PIXELS_PER_TOKEN, width: size.width / PIXELS_PER_TOKEN };
}

/** S_img, the number of image tokens. */
export function tokenCount(size: ImageSize): number {
  const { height, width } = tokenGrid(size);
  return height * width;
}

/** `"1024x768"` (width first) as a checked size. */
export function parseSize(text: string): ImageSize {
  const match = /^(\d{1,6})x(\d{1,6})$/.exec(text);
  if (match === null) throw unsupported(text);
  return checkSize({ width: Number(match[1]), height: Number(match[2]) });
}

/**
 * Refuses sizes that the model cannot draw. A rounded size would give another picture than the
 * caller asked for.
 */
export function checkSize(size: ImageSize): ImageSize {
  if (!isSide(size.width) || !isSide(size.height)) throw unsupported(`${size.width}x${size.height}`);
  return size;
}

function isSide(pixels: number): boolean {
  return Number.isInteger(pixels) && pixels >= MIN_SIDE && pixels <= MAX_SIDE && pixels % PIXELS_PER_TOKEN === 0;
}

function unsupported(got: string): InputError {
  return new InputError(
    `size must be WIDTHxHEIGHT in multiples of ${PIXELS_PER_TOKEN} from ${MIN_SIDE} to ${MAX_SIDE}, got "${got.slice(0, 40)}"`,
    { code: 'input/size-unsupported', details: { got: got.slice(0, 40), multiple: PIXELS_PER_TOKEN, max: MAX_SIDE } },
  );
}
