/** The texts of a PNG file by keyword. @see https://www.w3.org/TR/png-3/#11textinfo */
export async function readPngText(file: Blob): Promise<Map<string, string>> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const view = new DataView(bytes.buffer);
  const texts = new Map<string, string>();
  if (!SIGNATURE.every((byte, i) => bytes[i] === byte)) return texts;
  let at = SIGNATURE.length;
  while (at + 12 <= bytes.length) {
    const length = view.getUint32(at);
    const type = latin1(bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, Math.min(at + 8 + length, bytes.length));
    if (type === 'tEXt' || type === 'iTXt' || type === 'zTXt') {
      const entry = await readText(type, data);
      if (entry !== undefined) texts.set(...entry);
    }
    at += 12 + length;
  }
  return texts;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

async function readText(type: 'tEXt' | 'iTXt' | 'zTXt', data: Uint8Array): Promise<[string, string] | undefined> {
  const end = data.indexOf(0);
  if (end < 1) return undefined;
  const keyword = latin1(data.subarray(0, end));
  const rest = data.subarray(end + 1);
  if (type === 'tEXt') return [keyword, latin1(rest)];
  // Compression method, then the stream.
  if (type === 'zTXt') return [keyword, latin1(await inflate(rest.subarray(1)))];
  // Whether it is compressed, the method, language, translated keyword.
  const language = rest.indexOf(0, 2);
  const translated = rest.indexOf(0, language + 1);
  if (language < 0 || translated < 0) return undefined;
  const text = rest.subarray(translated + 1);
  return [keyword, new TextDecoder().decode(rest[0] === 1 ? await inflate(text) : text)];
}

async function inflate(data: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([new Uint8Array(data)]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}
