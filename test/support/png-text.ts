/**
 * Keyword → text of a PNG's tEXt and uncompressed iTXt chunks, which are all that the library
 * writes.
 */
export function pngText(png: Uint8Array): Map<string, string> {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const text = new Map<string, string>();
  for (let at = 8; at < png.length; at += 12 + view.getUint32(at)) {
    const type = latin1(png.subarray(at + 4, at + 8));
    const data = png.subarray(at + 8, at + 8 + view.getUint32(at));
    const end = data.indexOf(0);
    if (type === 'tEXt') text.set(latin1(data.subarray(0, end)), latin1(data.subarray(end + 1)));
    // After the keyword: not compressed (two bytes), no language, no translated keyword.
    if (type === 'iTXt') text.set(latin1(data.subarray(0, end)), new TextDecoder().decode(data.subarray(end + 5)));
  }
  return text;
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
