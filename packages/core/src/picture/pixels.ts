import type { ImageSize } from './geometry.ts';

/**
 * A decoded picture as bytes: round(255·clamp(x/2 + 1/2, 0, 1)), ties to even, in float32 as
 * diffusers' image processor does.
 * @param planar `[3, H, W]` in about [−1, 1], as it leaves the VAE
 * @returns `[H, W, 3]`
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/image_processor.py `denormalize`, `numpy_to_pil`
 */
export function toRgb8(planar: Float32Array, size: ImageSize): Uint8Array<ArrayBuffer> {
  const plane = planeSize(planar, size);
  const out = new Uint8Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) out[i * 3 + c] = toByte(planar[c * plane + i]!);
  }
  return out;
}

/** One value of [−1, 1] as a byte. */
export function toByte(value: number): number {
  const unit = Math.min(Math.max(Math.fround(value * 0.5 + 0.5), 0), 1);
  const scaled = Math.fround(unit * 255);
  const below = Math.floor(scaled);
  const rest = scaled - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

function planeSize(planar: Float32Array, { width, height }: ImageSize): number {
  if (planar.length !== 3 * width * height) {
    throw new RangeError(`picture must be [3, ${height}, ${width}], got ${planar.length} values`);
  }
  return width * height;
}
