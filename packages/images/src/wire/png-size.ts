import type { ImageSize } from '@flux-srpo/core';

/**
 * Width and height from a PNG's header, which is bytes 16 to 24; 0 for what is too short to have
 * one.
 */
export function pngSize(base64: string): ImageSize {
  const head = Uint8Array.from(atob(base64.slice(0, 32)), (char) => char.charCodeAt(0));
  if (head.length < 24) return { width: 0, height: 0 };
  const view = new DataView(head.buffer);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}
