import type { ImageSize } from '@flux-srpo/core';

/** Width and height from bytes 16 to 24 of a PNG; 0 for what is shorter. */
export function pngSize(base64: string): ImageSize {
  const head = Uint8Array.from(atob(base64.slice(0, 32)), (char) => char.charCodeAt(0));
  if (head.length < 24) return { width: 0, height: 0 };
  const view = new DataView(head.buffer);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}
