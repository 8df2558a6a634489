import { type ImageSize, PIXELS_PER_LATENT, type Progress } from '@flux-srpo/core';
import { encodePng } from '@flux-srpo/formats';
import type { Preview } from '@flux-srpo/runtime';
import { type ImageEvent, partialImageEvent } from './events.ts';
import type { CheckedRequest } from './request.ts';
import { toBase64, unixSeconds } from './response.ts';

/** Options of the engine's `generate` that make events out of what it tells on the way. */
export interface RoughPictures {
  onProgress(progress: Progress): void;
  /** Absent where no rough pictures are wanted: an engine warns where it gives none. */
  onPartialImage?: (preview: Preview) => void;
}

/** @param emit takes each event as it arises */
export function roughPictures(
  { partial_images = 0 }: CheckedRequest,
  emit: (event: ImageEvent) => void,
): RoughPictures {
  let steps = 0;
  let partials = 0;
  const onPartialImage = (preview: Preview): void => {
    if (!isPartialStep(preview.step, steps, partial_images)) return;
    // Pictures of one batch share an index: they are as far along.
    if (preview.image === 0) partials++;
    const { image } = preview;
    const picture = { b64_json: previewBase64(preview), created: unixSeconds(), size: pictureSize(preview), image };
    emit(partialImageEvent(picture, partials - 1));
  };
  return {
    onProgress(progress) {
      if (progress.stage === 'denoise') steps = progress.steps;
    },
    ...(partial_images > 0 ? { onPartialImage } : {}),
  };
}

/** Whether the preview after `step` (from 0) is among `count` that divide the run evenly. */
function isPartialStep(step: number, steps: number, count: number): boolean {
  for (let i = 1; i <= count; i++) if (Math.round((i * steps) / (count + 1)) === step + 1) return true;
  return false;
}

/** The preview as it is, one pixel per latent cell: whoever shows it scales it. */
function previewBase64({ width, height, rgba }: Preview): string {
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) rgb.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
  return toBase64(encodePng({ width, height, rgb }));
}

/** Size of the picture that a preview is of. */
function pictureSize({ width, height }: Preview): ImageSize {
  return { width: width * PIXELS_PER_LATENT, height: height * PIXELS_PER_LATENT };
}
