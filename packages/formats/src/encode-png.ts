import { joinBytes } from '@flux-srpo/core';
import { zlibSync } from 'fflate';

/**
 * PNG files of 8-bit RGB with text. Equal input gives equal bytes: there is no time stamp, and the
 * compressor is pinned.
 * @see https://www.w3.org/TR/png-3/
 */

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const CHANNELS = 3;

export interface RgbImage {
  width: number;
  height: number;
  /** `[height, width, 3]` */
  rgb: Uint8Array;
}

/**
 * Encodes a picture.
 * @param text keyword (1–79 Latin-1 characters) → text; stored as tEXt where it is Latin-1, else as
 *   iTXt (UTF-8)
 */
export function encodePng(
  { width, height, rgb }: RgbImage,
  text: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  if (rgb.length !== width * height * CHANNELS) {
    throw new RangeError(`picture must be [${height}, ${width}, ${CHANNELS}], got ${rgb.length} values`);
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 2], 8); // 8 bits, truecolour; deflate, adaptive filters, not interlaced are all 0
  return joinBytes([
    SIGNATURE,
    chunk('IHDR', header),
    ...Object.entries(text).map(([keyword, value]) => textChunk(keyword, value)),
    chunk('IDAT', zlibSync(filterRows(rgb, width, height), { level: 6 })),
    chunk('IEND', new Uint8Array(0)),
  ]);
}

/** Filters each row so that the sum of differences is smallest (PNG specification, §12.8). */
function filterRows(rgb: Uint8Array, width: number, height: number): Uint8Array {
  const stride = width * CHANNELS;
  const out = new Uint8Array(height * (stride + 1));
  const candidate = new Uint8Array(stride);
  for (let row = 0; row < height; row++) {
    const start = row * stride;
    let best = Number.POSITIVE_INFINITY;
    for (let filter = 0; filter < FILTERS.length; filter++) {
      const predict = FILTERS[filter]!;
      let sum = 0;
      for (let i = 0; i < stride; i++) {
        const left = i >= CHANNELS ? rgb[start + i - CHANNELS]! : 0;
        const up = row > 0 ? rgb[start + i - stride]! : 0;
        const corner = row > 0 && i >= CHANNELS ? rgb[start + i - stride - CHANNELS]! : 0;
        const rest = (rgb[start + i]! - predict(left, up, corner)) & 0xff;
        candidate[i] = rest;
        sum += rest < 128 ? rest : 256 - rest;
      }
      if (sum >= best) continue;
      best = sum;
      out[row * (stride + 1)] = filter;
      out.set(candidate, row * (stride + 1) + 1);
    }
  }
  return out;
}

/** By filter type: what it expects a byte to be, from its left, upper and upper-left neighbours. */
const FILTERS: readonly ((left: number, up: number, corner: number) => number)[] = [
  () => 0,
  (left) => left,
  (_left, up) => up,
  (left, up) => (left + up) >> 1,
  paeth,
];

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner;
  const toLeft = Math.abs(estimate - left);
  const toUp = Math.abs(estimate - up);
  const toCorner = Math.abs(estimate - corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

function textChunk(keyword: string, text: string): Uint8Array {
  if (!/^[\x20-\x7e\xa1-\xff]{1,79}$/.test(keyword)) {
    throw new RangeError(`a PNG keyword must be 1 to 79 Latin-1 characters, got "${keyword}"`);
  }
  const name = fromLatin1(keyword);
  if (/^[\n\x20-\x7e\xa0-\xff]*$/.test(text))
    return chunk('tEXt', joinBytes([name, Uint8Array.of(0), fromLatin1(text)]));
  // Five zeros: end of keyword, not compressed (two), no language, no translated keyword. NUL would
  // end the text, so it is replaced.
  const utf8 = new TextEncoder().encode(text.replaceAll('\0', '\ufffd'));
  return chunk('iTXt', joinBytes([name, new Uint8Array(5), utf8]));
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set(fromLatin1(type), 4);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** CRC-32 of ISO 3309, as PNG chunks carry it. */
function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = CRC_TABLE[(c ^ byte) & 0xff]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

function fromLatin1(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
