const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const TEXT_CHUNKS = ['tEXt', 'iTXt', 'zTXt'];

/** Chunks that are looked at. A picture of many megabytes has some thousands. */
const MAX_CHUNKS = 20_000;
/** Of one text. ComfyUI's graphs have some 100 kB. A few compressed bytes can hold gigabytes. */
const MAX_TEXT_BYTES = 4 * 2 ** 20;
const MAX_TEXTS = 32;

/**
 * The texts of a PNG file by keyword, from a file that anyone may have made: no more than
 * `MAX_TEXTS` of `MAX_TEXT_BYTES` each is taken, and what does not fit or is damaged is left out.
 *
 * @see https://www.w3.org/TR/png-3/#11textinfo
 */
export async function readPngText(file: Blob): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const read = async (from: number, length: number) =>
    new Uint8Array(await file.slice(from, from + length).arrayBuffer());
  const signature = await read(0, SIGNATURE.length);
  if (!SIGNATURE.every((byte, i) => signature[i] === byte)) return texts;
  let at = SIGNATURE.length;
  for (let chunks = 0; at + 12 <= file.size && chunks < MAX_CHUNKS && texts.size < MAX_TEXTS; chunks++) {
    const head = await read(at, 8);
    const length = new DataView(head.buffer).getUint32(0);
    const type = latin1(head.subarray(4));
    if (TEXT_CHUNKS.includes(type) && length <= MAX_TEXT_BYTES) {
      const entry = await readText(type, await read(at + 8, length)).catch(() => undefined);
      if (entry !== undefined) texts.set(...entry);
    }
    at += 12 + length;
  }
  return texts;
}

/** Undefined for what is no text. Rejects where its compression is damaged, or hides too much. */
async function readText(type: string, data: Uint8Array): Promise<[string, string] | undefined> {
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
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let taken = 0;
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(pieces).arrayBuffer());
    taken += value.length;
    if (taken > MAX_TEXT_BYTES) {
      await reader.cancel();
      throw new RangeError('a text of more than 4 MiB');
    }
    pieces.push(new Uint8Array(value));
  }
}

/** One character a byte: `TextDecoder` calls windows-1252 by this name. */
function latin1(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}
