import type { Manifest } from './manifest.ts';

/** A piece of a bundle's file that has a hash of its own. */
export interface ManifestChunk {
  /** Of the file. */
  readonly path: string;
  /** Within the file, from 0. */
  readonly index: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** Of its first byte in the file. */
  readonly offset: number;
  /** Its length: `chunk_bytes`, or what is left at the file's end. */
  readonly bytes: number;
}

/** Every chunk of a bundle's files, in order. */
export function* manifestChunks({
  files,
  chunk_bytes,
}: Pick<Manifest, 'files' | 'chunk_bytes'>): Generator<ManifestChunk, void, undefined> {
  for (const { path, size, chunks } of files) {
    for (const [index, sha256] of chunks.entries()) {
      const offset = index * chunk_bytes;
      yield { path, index, sha256, offset, bytes: Math.min(chunk_bytes, size - offset) };
    }
  }
}
