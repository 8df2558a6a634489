import { LIMITS } from '@flux-srpo/core';
import type { Preview } from '@flux-srpo/runtime';
import { pngSize } from '../wire/png-size.ts';
import type { StreamedPartial } from './stream-reader.ts';

/**
 * A rough picture of a stream as pixels, which is what a local run gives: with the browser's own decoder, and not before its header has
 * said that it is no larger than pictures are. `undefined` where there is no decoder, or nothing to decode.
 */
export async function partialPreview({ image, index, base64 }: StreamedPartial): Promise<Preview | undefined> {
  const { width, height } = pngSize(base64);
  const isPicture = width > 0 && height > 0 && Math.max(width, height) <= LIMITS.side[1];
  if (!isPicture || typeof createImageBitmap === 'undefined' || typeof OffscreenCanvas === 'undefined')
    return undefined;
  const file = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([file], { type: 'image/png' })).catch(() => undefined);
  const context = new OffscreenCanvas(width, height).getContext('2d');
  if (bitmap === undefined || context === null) return undefined;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data as Uint8ClampedArray<ArrayBuffer>;
  return { image, step: index, width, height, rgba };
}
