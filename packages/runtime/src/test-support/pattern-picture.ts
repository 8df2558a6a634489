/**
 * The picture of `picture()` in test/reference/safety_checker.py: rough everywhere, so that no
 * filter leaves it as it was.
 */
export function patternPicture(width: number, height: number): { width: number; height: number; rgb: Uint8Array } {
  const rgb = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 7919 + ((i * i) % 251) * 31) % 256);
  return { width, height, rgb };
}
