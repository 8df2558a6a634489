import { FormatError } from '@flux-srpo/core';
import { zlibSync } from 'fflate';

/**
 * PNG files of 8-bit RGB with text, and the text of any PNG. Equal input gives equal bytes: no time stamp, one pinned compressor.
 *
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
 *
 * @param text keyword (1–79 Latin-1 characters) → text; stored as tEXt where it is Latin-1, else as iTXt (UTF-8)
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
  return concat([
    SIGNATURE,
    chunk('IHDR', header),
    ...Object.entries(text).map(([keyword, value]) => textChunk(keyword, value)),
    chunk('IDAT', zlibSync(filterRows(rgb, width, height), { level: 6 })),
    chunk('IEND', new Uint8Array(0)),
  ]);
}

/**
 * Keyword → text of the tEXt and uncompressed iTXt chunks, which are all that `encodePng` writes. Throws on anything that is not a whole
 * PNG; damaged text chunks are left out.
 */
export function readPngText(bytes: Uint8Array): Map<string, string> {
  if (SIGNATURE.some((byte, i) => bytes[i] !== byte)) {
    throw new FormatError('expected a PNG file, got other bytes', { code: 'format/header-invalid' });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Map<string, string>();
  let at = SIGNATURE.length;
  while (at + 12 <= bytes.length) {
    const length = view.getUint32(at);
    const type = latin1(bytes.subarray(at + 4, at + 8));
    if (type === 'IEND') return out;
    if (at + 12 + length > bytes.length) break;
    const data = bytes.subarray(at + 8, at + 8 + length);
    const entry = type === 'tEXt' ? parseText(data) : type === 'iTXt' ? parseInternational(data) : undefined;
    if (entry !== undefined) out.set(entry[0], entry[1]);
    at += 12 + length;
  }
  throw new FormatError(`the PNG must end with its IEND chunk, got ${bytes.length} bytes without`, {
    code: 'format/truncated',
  });
}

/** Each row with the filter whose differences are smallest in sum, the heuristic of the PNG specification (§12.8). */
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

/** What each filter type (its index) expects a byte to be, from its left, upper and upper-left neighbours. */
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
  if (/^[\n\x20-\x7e\xa0-\xff]*$/.test(text)) return chunk('tEXt', concat([name, Uint8Array.of(0), fromLatin1(text)]));
  // Five zeros: end of keyword, not compressed (two), no language, no translated keyword. More would end the text early.
  const utf8 = new TextEncoder().encode(text.replaceAll('\0', '\ufffd'));
  return chunk('iTXt', concat([name, new Uint8Array(5), utf8]));
}

function parseText(data: Uint8Array): [string, string] | undefined {
  const end = data.indexOf(0);
  return end < 1 ? undefined : [latin1(data.subarray(0, end)), latin1(data.subarray(end + 1))];
}

function parseInternational(data: Uint8Array): [string, string] | undefined {
  const end = data.indexOf(0);
  const isCompressed = data[end + 1] !== 0;
  const language = data.indexOf(0, end + 3);
  const translated = data.indexOf(0, language + 1);
  if (end < 1 || isCompressed || language < 0 || translated < 0) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(data.subarray(translated + 1));
    return [latin1(data.subarray(0, end)), text];
  } catch {
    return undefined;
  }
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

function latin1(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += String.fromCharCode(byte);
  return out;
}

function fromLatin1(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
