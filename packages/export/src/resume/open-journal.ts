import type { BundleFile } from '@flux-srpo/core';
import type { ResumableSink } from '../bundle/bundle-sink.ts';
import type { ConvertNotice } from '../convert/convert-options.ts';
import { Journal, type JournalIdentity } from './journal.ts';

const REASONS = {
  'other-source': 'the source changed, or its version cannot be checked',
  'other-settings': 'the options, the small files or the converter changed',
} as const;

/**
 * Opens the journal of this conversion. What an interrupted one left stays where it was the same
 * conversion; else it is removed.
 * @param written the files that this conversion has written so far, which stay
 */
export async function openJournal(
  sink: ResumableSink,
  identity: JournalIdentity,
  written: readonly BundleFile[],
  onNotice: ((notice: ConvertNotice) => void) | undefined,
): Promise<Journal> {
  const journal = await Journal.open(sink, identity);
  if (journal.leftover === 'same') {
    onNotice?.({ type: 'continued' });
    return journal;
  }
  await sink.retain(new Set(written.map(({ path }) => path)));
  if (journal.leftover !== 'nothing') onNotice?.({ type: 'started-over', reason: REASONS[journal.leftover] });
  return journal;
}
