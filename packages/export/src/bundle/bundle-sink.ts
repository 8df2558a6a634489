import type { ByteSink, ByteSource } from '@flux-srpo/formats';

/** Where a bundle goes. Nothing is visible under its final name before `commit`. */
export interface BundleSink {
  /** Opens a file of one or two segments, in place of one that an earlier run left. */
  create(path: string): Promise<ByteSink>;
  /** Makes the bundle visible in one step, with these files and no others. */
  commit(paths: ReadonlySet<string>): Promise<void>;
  /** Removes everything written so far. */
  abort(): Promise<void>;
}

/** A sink that keeps its files when a conversion is interrupted. */
export interface ResumableSink extends BundleSink {
  readonly journal: JournalFile;
  /**
   * Throws `storage/quota-exceeded` where a bundle of so many bytes will not fit; what is already
   * there counts as part of it. Absent where the place cannot say.
   */
  reserve?(bytes: number): Promise<void>;
  /** A file that an earlier run left; undefined where it is gone. */
  reopen(path: string): Promise<ByteSource | undefined>;
  /** Removes every file but these. */
  retain(paths: ReadonlySet<string>): Promise<void>;
  /** Ends without a bundle and keeps everything for the next run. */
  suspend(): Promise<void>;
}

/** A text file beside the bundle's own, which never becomes part of it. */
export interface JournalFile {
  /** The whole text; empty where there is no file. */
  read(): Promise<string>;
  /** Replaces the whole text. A crash leaves the old text or the new one. */
  replace(text: string): Promise<void>;
  /** Appends without waiting for the disk. What a crash loses of it costs one part's work. */
  append(text: string): Promise<void>;
}

export function isResumable(sink: BundleSink): sink is ResumableSink {
  return 'journal' in sink;
}
