import { deflateSync } from 'node:zlib';

/**
 * A PNG file with one more text, in the form that PNG has for compressed ones. The checksum of its
 * chunk is 0: readers of texts alone do not look at it.
 *
 * @see https://www.w3.org/TR/png-3/#11zTXt
 */
export function withCompressedText(png: Uint8Array, keyword: string, text: Uint8Array): Uint8Array<ArrayBuffer> {
  const data = Buffer.concat([Buffer.from(`${keyword}\0\0`, 'latin1'), deflateSync(text, { level: 1 })]);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(data.length);
  head.write('zTXt', 4, 'latin1');
  return new Uint8Array(Buffer.concat([png.subarray(0, 8), head, data, Buffer.alloc(4), png.subarray(8)]));
}
