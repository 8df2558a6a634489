import { type BundleFile, type BundlePart, CHUNK_BYTES, type QuantizationFallback } from '@flux-srpo/core';
import { sha256Hex } from '@flux-srpo/formats';
import type { ResumableSink } from '../bundle/bundle-writer.ts';
import type { BlockOrigin } from '../bundle/part-writer.ts';

/** A part that is done: its share of the manifest. */
export interface FinishedPart {
  readonly entry: BundlePart;
  /** The path of its own graph, where its weights are inside. */
  readonly graph?: string;
  /** Absent for a part without weights. */
  readonly file?: BundleFile;
  readonly fallbacks: readonly QuantizationFallback[];
  readonly blocks: readonly BlockOrigin[];
}

/** What a bundle's bytes follow from. A conversion goes on from another's files only where both are the same. */
export interface JournalIdentity {
  /** Of the checkpoint's files, their sizes and versions. */
  readonly source: string;
  /** Of the options, of every small file, and of what this version of the converter makes of known numbers. */
  readonly settings: string;
}

/** What an earlier conversion left, as far as it is of use. */
export type Leftover = 'nothing' | 'same' | 'other-source' | 'other-settings';

/** First of a journal's lines. */
const SCHEMA = 1;

/**
 * The list of finished parts, kept while a bundle is made so that an interrupted conversion can go on. A line each, after the hash of its
 * text: a line that was cut short or damaged counts as not written. What the lines say of files is checked against the files.
 */
export class Journal {
  readonly leftover: Leftover;
  readonly #sink: ResumableSink;
  readonly #finished: Map<string, FinishedPart>;

  private constructor(sink: ResumableSink, leftover: Leftover, finished: Map<string, FinishedPart>) {
    this.#sink = sink;
    this.leftover = leftover;
    this.#finished = finished;
  }

  /** Whether there is work to go on with, of whatever conversion. */
  static async listsParts(sink: ResumableSink): Promise<boolean> {
    return (await readLines(await sink.journal.read())).length > 1;
  }

  /** Reads what is there; begins anew unless it is of this very conversion. */
  static async open(sink: ResumableSink, identity: JournalIdentity): Promise<Journal> {
    const [head, ...parts] = await readLines(await sink.journal.read());
    const found = head as ({ schema?: unknown } & Partial<JournalIdentity>) | undefined;
    const leftover = compare(found, identity);
    const finished = leftover === 'same' ? (parts as FinishedPart[]) : [];
    // Written anew in any case: whatever follows a damaged line would be lost with it.
    const lines = [{ schema: SCHEMA, ...identity }, ...finished];
    await sink.journal.replace((await Promise.all(lines.map(writeLine))).join(''));
    return new Journal(sink, leftover, new Map(finished.map((part) => [part.entry.name, part])));
  }

  /** The part as an earlier conversion made it, every byte of its file checked; undefined where it must be made. */
  async find(part: string, signal: AbortSignal | undefined): Promise<FinishedPart | undefined> {
    const finished = this.#finished.get(part);
    if (finished?.file === undefined) return undefined;
    return (await isIntact(this.#sink, finished.file, signal)) ? finished : undefined;
  }

  /** Adds a part whose file is closed. */
  async add(part: FinishedPart): Promise<void> {
    await this.#sink.journal.append(await writeLine(part));
  }
}

function compare(found: ({ schema?: unknown } & Partial<JournalIdentity>) | undefined, now: JournalIdentity): Leftover {
  if (found === undefined) return 'nothing';
  if (found.schema !== SCHEMA || found.settings !== now.settings) return 'other-settings';
  return found.source === now.source ? 'same' : 'other-source';
}

async function isIntact(sink: ResumableSink, file: BundleFile, signal: AbortSignal | undefined): Promise<boolean> {
  const source = await sink.reopen(file.path);
  if (source === undefined) return false;
  try {
    if (source.size !== file.size) return false;
    for (const [index, expected] of file.chunks.entries()) {
      const offset = index * CHUNK_BYTES;
      const bytes = await source.read(offset, Math.min(CHUNK_BYTES, file.size - offset), signal);
      if ((await sha256Hex(bytes)) !== expected) return false;
    }
    return true;
  } finally {
    await source.close?.();
  }
}

async function writeLine(value: unknown): Promise<string> {
  const json = JSON.stringify(value);
  return `${await sha256Hex(new TextEncoder().encode(json))} ${json}\n`;
}

/** The lines up to the first that is not whole. */
async function readLines(text: string): Promise<unknown[]> {
  const values: unknown[] = [];
  for (const line of text.split('\n')) {
    const json = line.slice(line.indexOf(' ') + 1);
    if (line !== `${await sha256Hex(new TextEncoder().encode(json))} ${json}`) break;
    values.push(JSON.parse(json));
  }
  return values;
}
