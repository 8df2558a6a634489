/** A decoded tile: planes of red, green, blue, [3, height, width]. */
export interface DecodedTile {
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array;
}

const PLANES = 3;

/**
 * Fades `tile` in place from the one above or left of it, linearly over up to `extent` pixels; what
 * they share of the picture is the end of one and the start of the other.
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/models/autoencoders/autoencoder_kl.py `blend_v`, `blend_h`
 */
export function blendFrom(side: 'above' | 'left', other: DecodedTile, tile: DecodedTile, extent: number): void {
  const isAbove = side === 'above';
  const along = isAbove ? Math.min(other.width, tile.width) : Math.min(other.height, tile.height);
  const across = isAbove ? Math.min(other.height, tile.height, extent) : Math.min(other.width, tile.width, extent);
  const shift = (isAbove ? other.height : other.width) - across;
  for (let plane = 0; plane < PLANES; plane++) {
    for (let i = 0; i < across; i++) {
      const share = Math.fround(i / across);
      const rest = Math.fround(1 - i / across);
      for (let j = 0; j < along; j++) {
        const [y, x] = isAbove ? [i, j] : [j, i];
        const [otherY, otherX] = isAbove ? [shift + i, j] : [j, shift + i];
        const at = (plane * tile.height + y) * tile.width + x;
        const from = other.data[(plane * other.height + otherY) * other.width + otherX] as number;
        tile.data[at] = Math.fround(from * rest) + Math.fround((tile.data[at] as number) * share);
      }
    }
  }
}

/** Copies up to `limit` rows and columns of a tile to (top, left) of the picture. */
export function placeTile(
  picture: DecodedTile,
  tile: DecodedTile,
  at: { top: number; left: number },
  limit: number,
): void {
  const rows = Math.min(limit, tile.height);
  const columns = Math.min(limit, tile.width);
  for (let plane = 0; plane < PLANES; plane++) {
    for (let y = 0; y < rows; y++) {
      const start = (plane * tile.height + y) * tile.width;
      const target = (plane * picture.height + at.top + y) * picture.width + at.left;
      picture.data.set(tile.data.subarray(start, start + columns), target);
    }
  }
}
