import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseManifest } from '@flux-srpo/core';
import { sha256Hex } from '@flux-srpo/formats';
import { type Exchange, type Fault, writeHead } from '../../support/fault-server.ts';

/** The bundle of the embedded model. */
export const EMBEDDED = fileURLToPath(new URL('../../../models/tiny/bundle', import.meta.url));

/** Path → bytes of every file in a folder. */
export async function readFolder(folder: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(relative(folder, path), await readFile(path));
  }
  return files;
}

/**
 * The embedded model's bundle with one file more, which no part uses: a fetch of it takes long
 * enough to be killed in the middle.
 *
 * @param chunks of the file, each as long as the bundle's chunks are
 */
export async function paddedBundle(chunks: number): Promise<Map<string, Uint8Array>> {
  const files = await readFolder(EMBEDDED);
  const manifest = parseManifest(new TextDecoder().decode(files.get('manifest.json')));
  const padding = new Uint32Array((chunks * manifest.chunk_bytes) / 4).map((_, i) => Math.imul(i, 0x9e3779b1));
  const bytes = new Uint8Array(padding.buffer);
  const path = 'weights/padding.bin';
  const hashes: string[] = [];
  for (let at = 0; at < bytes.length; at += manifest.chunk_bytes)
    hashes.push(await sha256Hex(bytes.subarray(at, at + manifest.chunk_bytes)));
  const file = { path, size: bytes.length, sha256: await sha256Hex(bytes), chunks: hashes };
  const padded = { ...manifest, files: [...manifest.files, file] };
  files.set(path, bytes).set('manifest.json', new TextEncoder().encode(JSON.stringify(padded)));
  return files;
}

/** Answers right, but all answers together no faster than this. */
export function throttled(bytesPerSecond: number): Fault {
  const PIECE = 64 * 1024;
  let free = 0;
  async function* pieces({ range, bytes }: Exchange): AsyncGenerator<Uint8Array, void, undefined> {
    const { start, end } = range ?? { start: 0, end: bytes.length };
    for (let at = start; at < end; at += PIECE) {
      const now = performance.now();
      free = Math.max(free, now) + (1000 * PIECE) / bytesPerSecond;
      // Timers end late, so a few milliseconds are let through at once.
      if (free - now > 5) await new Promise((resolve) => setTimeout(resolve, free - now));
      yield bytes.subarray(at, Math.min(end, at + PIECE));
    }
  }
  return (exchange) => {
    const { response, range, bytes } = exchange;
    // For imports, which ask whether a file is still the same.
    response.setHeader('etag', '"1"');
    response.setHeader('access-control-expose-headers', 'etag, content-range');
    writeHead(response, range, bytes);
    // Whoever is killed leaves in the middle.
    pipeline(Readable.from(pieces(exchange)), response).catch(() => undefined);
    return true;
  };
}
