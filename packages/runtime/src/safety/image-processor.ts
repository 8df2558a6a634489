import { classifierRefusal, type FormatError, type ImageSize } from '@flux-srpo/core';
import { ImageProcessor, RawImage } from '@huggingface/transformers';
import type { GeneratedImage } from '../generation/picture.ts';
import { RESAMPLE_FILTERS, resize } from './resize.ts';

type Config = Readonly<Record<string, unknown>>;

/** Above any image classifier's input, far below what could exhaust memory. */
const MAX_SIDE = 2048;

/**
 * transformers.js's processor with resizing and cropping of our own. The library leaves both to a
 * canvas in browsers and to sharp in Node, which round differently.
 */
export class PillowImageProcessor extends ImageProcessor {
  readonly #doResize: boolean;
  readonly #crop: ImageSize | undefined;

  /** @param config of `preprocessor_config.json` */
  constructor(config: Config) {
    // transformers treats null as absent, its processor in transformers.js does not.
    const given: object = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== null));
    super(given);
    if (!RESAMPLE_FILTERS.includes(this.resample)) throw refusal('resample', 'a filter of Pillow', this.resample);
    if (this.do_normalize && !(isTriple(this.image_mean) && isTriple(this.image_std))) {
      throw refusal('image_mean', 'with image_std three numbers each', this.image_mean);
    }
    if (this.do_resize && !hasSides(this.size)) {
      throw refusal('size', `sides of 1 to ${MAX_SIDE} pixels`, this.size);
    }
    this.#doResize = this.do_resize;
    this.#crop = this.do_center_crop ? cropSize(this.crop_size) : undefined;
    // `resize` does both.
    this.do_resize = true;
    this.do_center_crop = false;
  }

  override async resize(image: RawImage): Promise<RawImage> {
    let fitted: GeneratedImage = { width: image.width, height: image.height, rgb: Uint8Array.from(image.data) };
    if (this.#doResize) {
      const [width, height] = this.get_resize_output_image_size(image, this.size);
      fitted = resize(fitted, checkSide({ width, height }, 'size'), this.resample);
    }
    if (this.#crop) fitted = centerCrop(fitted, this.#crop);
    return new RawImage(fitted.rgb, fitted.width, fitted.height, 3);
  }
}

/** Whether it says how large a picture becomes: by one side, or by both. */
function hasSides(size: unknown): boolean {
  if (typeof size === 'number') return isSide(size);
  const { shortest_edge, longest_edge, width, height } = Object(size) as Record<string, unknown>;
  const edges = [shortest_edge, longest_edge].filter((edge) => edge !== undefined);
  return (edges.length > 0 ? edges : [width, height]).every(isSide);
}

function cropSize(value: unknown): ImageSize {
  const { width, height } = (typeof value === 'number' ? { width: value, height: value } : value) as ImageSize;
  return checkSide({ width, height }, 'crop_size');
}

function centerCrop({ rgb, width: from, height }: GeneratedImage, size: ImageSize): GeneratedImage {
  if (size.width > from || size.height > height) throw refusal('crop_size', `at most ${from}x${height}`, size);
  const left = Math.floor((from - size.width) / 2);
  const top = Math.floor((height - size.height) / 2);
  const out = new Uint8Array(3 * size.width * size.height);
  for (let y = 0; y < size.height; y++) {
    const start = 3 * ((top + y) * from + left);
    out.set(rgb.subarray(start, start + 3 * size.width), 3 * y * size.width);
  }
  return { ...size, rgb: out };
}

function checkSide(size: ImageSize, field: string): ImageSize {
  if (isSide(size.width) && isSide(size.height)) return size;
  throw refusal(field, `sides of 1 to ${MAX_SIDE} pixels`, size);
}

function isSide(pixels: unknown): boolean {
  return Number.isInteger(pixels) && (pixels as number) >= 1 && (pixels as number) <= MAX_SIDE;
}

function isTriple(value: unknown): boolean {
  return Array.isArray(value) && value.length === 3 && value.every((each) => Number.isFinite(each));
}

function refusal(field: string, expected: string, got: unknown): FormatError {
  return classifierRefusal('preprocessor_config.json', field, expected, got);
}
