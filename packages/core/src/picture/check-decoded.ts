import { InferenceError } from '../errors.ts';

/** A picture of smaller spread is one colour: half a step of an 8-bit channel, in [−1, 1]. */
const FLAT = 1 / 255;

/**
 * Refuses numbers that cannot be a picture: a broken driver gives an error, never a black image.
 * @param planar `[3, H, W]` as it leaves the VAE
 */
export function checkPicture(planar: Float32Array): void {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < planar.length; i++) {
    const value = planar[i]!;
    if (!Number.isFinite(value)) {
      throw invalid(`value ${i} of the decoded picture must be finite, got ${value}`, {
        index: i,
        value: String(value),
      });
    }
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (!(max - min >= FLAT)) {
    throw invalid(`the decoded picture must not be flat, got all values from ${min} to ${max}`, { min, max });
  }
}

function invalid(message: string, details: Record<string, unknown>): InferenceError {
  return new InferenceError(`${message}; try again, then with another provider or precision`, {
    code: 'inference/output-invalid',
    details,
  });
}
