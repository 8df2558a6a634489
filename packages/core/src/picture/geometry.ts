import { InputError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { numeric, object, type Read, refusal } from '../strict/index.ts';

/**
 * Pixels, latent cells and tokens. A cell of the VAE is 8×8 pixels. A token is 2×2 cells, 16×16
 * pixels.
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

const RULE = `multiples of ${PIXELS_PER_TOKEN} from ${MIN_SIDE} to ${MAX_SIDE}`;

/**
 * `"1024x768"` (width first) as a checked size.
 * @param path for the message
 * @param names that the caller takes too and has looked up already, for the message
 */
export function parseSize(text: string, path = 'size', names: readonly string[] = []): ImageSize {
  const [, width, height] = /^(\d{1,6})x(\d{1,6})$/.exec(text) ?? [];
  const size = { width: Number(width), height: Number(height) };
  if (isDrawable(size)) return size;
  const form = `WIDTHxHEIGHT in ${RULE}`;
  const expected = names.length === 0 ? form : `one of ${names.join(', ')}, or ${form}`;
  throw refusal(path, expected, text, 'input/size-unsupported');
}

const pixels = numeric('an integer', () => true);
const sides = object<ImageSize>({ width: pixels, height: pixels });

/** A size that the model can draw. Others are refused: rounded, it is another picture. */
export const readSize: Read<ImageSize> = (value, path) => {
  const size = sides(value, path);
  if (isDrawable(size)) return size;
  throw new InputError(`${path}.width and ${path}.height must be ${RULE}, got ${size.width} and ${size.height}`, {
    code: 'input/size-unsupported',
    details: { field: path, expected: RULE, got: `${size.width}x${size.height}` },
  });
};

function isDrawable({ width, height }: ImageSize): boolean {
  return [width, height].every(
    (side) => Number.isInteger(side) && side >= MIN_SIDE && side <= MAX_SIDE && side % PIXELS_PER_TOKEN === 0,
  );
}
