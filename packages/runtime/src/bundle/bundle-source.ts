import type { ByteSource, HttpSource } from '@flux-srpo/formats';

/** A file of a bundle. What is optional, only files of servers have. */
export interface BundleSource extends ByteSource, Partial<Pick<HttpSource, 'pull' | 'whole'>> {
  /** Says that bytes were wrong: the next read asks elsewhere, or the same address past caches. */
  distrust?(): void;
  /** Reads that may bring right bytes after wrong ones. */
  readonly secondChances?: number;
}
