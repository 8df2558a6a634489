import type { BundleFile, BundlePart, QuantizationFallback } from '@flux-srpo/core';
import { sha256Hex } from '@flux-srpo/formats';
import type { ResumableSink } from '../bundle/bundle-sink.ts';
import { checkFile } from '../bundle/check-file.ts';
import type { BlockOrigin } from '../weights/plan-part.ts';

/** What the manifest says of a finished part. */
export interface FinishedPart {
  readonly entry: BundlePart;
  /** Path of the part's own graph, where its weights are inside that. */
  readonly graph?: string;
  /** Absent for a part without weights. */
  readonly file?: BundleFile;
  readonly fallbacks: readonly QuantizationFallback[];
  readonly blocks: readonly BlockOrigin[];
}

/** What decides a bundle's bytes, hashed. Files are taken over only where both are equal. */
export interface JournalIdentity {
  /** Sizes and versions of the source's files. */
  readonly source: string;
  /** The options, every small file, and how this converter stores known numbers. */
  readonly settings: string;
}

/** What an earlier conversion left: nothing, work of this one, or of another source or settings. */
export type Leftover = 'nothing' | 'same' | 'other-source' | 'other-settings';

/** Version of the journal, in its first line. */
const SCHEMA = 1;

/**
 * The list of finished parts, so that an interrupted conversion can go on. Each part is a line of
 * JSON behind the line's own hash: a line that was cut short or damaged counts as not written.
 * Files are checked against the hashes in their lines before they are used.
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

  /** Whether the journal lists any finished part, whichever conversion wrote it. */
  static async listsParts(sink: ResumableSink): Promise<boolean> {
    return (await readLines(await sink.journal.read())).length > 1;
  }

  /** Reads the journal. Starts an empty one unless it is of this very conversion. */
  static async open(sink: ResumableSink, identity: JournalIdentity): Promise<Journal> {
    const [head, ...parts] = await readLines(await sink.journal.read());
    const found = head as ({ schema?: unknown } & Partial<JournalIdentity>) | undefined;
    const leftover = compare(found, identity);
    const finished = leftover === 'same' ? (parts as FinishedPart[]) : [];
    // Always rewritten: lines added after a damaged one would be lost with it.
    const lines = [{ schema: SCHEMA, ...identity }, ...finished];
    await sink.journal.replace((await Promise.all(lines.map(writeLine))).join(''));
    return new Journal(sink, leftover, new Map(finished.map((part) => [part.entry.name, part])));
  }

  /** The part as an earlier run wrote it, every byte checked. Undefined: it must be written. */
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
    return (await checkFile(source, file, { signal })) === 'ok';
  } finally {
    await source.close?.();
  }
}

async function writeLine(value: unknown): Promise<string> {
  const json = JSON.stringify(value);
  return `${await sha256Hex(new TextEncoder().encode(json))} ${json}\n`;
}

/** The lines before the first damaged one. */
async function readLines(text: string): Promise<unknown[]> {
  const values: unknown[] = [];
  for (const line of text.split('\n')) {
    const json = line.slice(line.indexOf(' ') + 1);
    if (line !== `${await sha256Hex(new TextEncoder().encode(json))} ${json}`) break;
    values.push(JSON.parse(json));
  }
  return values;
}
