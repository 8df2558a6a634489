import {
  type CompleteModel,
  type ConvertNotice,
  type ConvertProgress,
  formatBytes,
  type ImportSettings,
  type ImportSources,
  isFluxError,
  type ModelStorage,
  type RecipeSources,
} from 'flux-srpo';
import { words } from '../words.ts';
import type { ImportJob } from './models-state.ts';
import { forget, type RememberedImport, remember } from './remembered.ts';

/** What a form asks for. */
export interface JobRequest {
  sources: ImportSources | RecipeSources;
  settings: ImportSettings & { id: string };
  /** What to say of it after a reload. */
  setup: RememberedImport;
}

export interface JobOptions {
  storage: ModelStorage;
  readonly job: ImportJob;
  set(change: Partial<ImportJob>): void;
  /** For what changes faster than anybody sees. */
  setSoon(change: Partial<ImportJob>): void;
  /** Reads the form. Undefined where a field must be mended, which the browser has then said. */
  read(isImport: boolean): Promise<JobRequest | undefined>;
}

/** Shortest time between two announcements to screen readers. */
const ANNOUNCE_MS = 15_000;

/** What a form's import forgets when the form asks for something else. */
export const UNCHECKED = { forecast: undefined, anyway: false, isBegun: false, error: undefined };

/**
 * Checks what a form asks for, or imports it. Rejects with why that failed, which the job has too.
 *
 * @returns the imported model
 */
export async function performJob(options: JobOptions, isImport: boolean): Promise<CompleteModel | undefined> {
  if (options.job.run !== undefined) return undefined;
  const cancel = new AbortController();
  // Leaving would stop the import.
  const askBeforeLeaving = (event: Event) => event.preventDefault();
  options.set({ error: undefined });
  try {
    const request = await options.read(isImport);
    if (request === undefined) return undefined;
    if (isImport) addEventListener('beforeunload', askBeforeLeaving);
    options.set({ run: { isImport, cancel }, fraction: undefined, ...said(words.job.reading) });
    if (isImport) return await doImport(options, request, cancel.signal);
    await doCheck(options, request, cancel.signal);
    return undefined;
  } catch (error) {
    const { aborted } = cancel.signal;
    const wasBegun = isImport && options.job.run !== undefined;
    options.set({
      ...said(endOf(isImport, error, aborted)),
      ...(wasBegun && { isBegun: true }),
      ...(!aborted && { error }),
    });
    if (!aborted) throw error;
    return undefined;
  } finally {
    removeEventListener('beforeunload', askBeforeLeaving);
    options.set({ run: undefined });
  }
}

async function doCheck({ storage, set }: JobOptions, { sources, settings }: JobRequest, signal: AbortSignal) {
  set({ forecast: await storage.foresee(sources, { ...settings, signal }), ...said('') });
}

async function doImport(
  { storage, set, setSoon }: JobOptions,
  { sources, settings, setup }: JobRequest,
  signal: AbortSignal,
): Promise<CompleteModel> {
  let wasContinued = false;
  // Browsers clear what is not persistent when the disk gets full. Not awaited: Firefox asks the
  // person, who may never answer.
  let lasts = false;
  void storage.persist().then((isGranted) => {
    lasts = isGranted;
  });
  const notes = new Set<string>();
  set({ notes: [] });
  let announced = performance.now();
  const model = await storage.import(sources, {
    ...settings,
    signal,
    onProgress: (progress) => {
      // From the first part on, the stored files belong to this setup.
      if (progress.parts.done === 1) remember(settings.id, setup);
      const { fraction, text, percent } = describeProgress(progress);
      const now = performance.now();
      const isDue = now - announced > ANNOUNCE_MS;
      if (isDue) announced = now;
      setSoon({ fraction, text, ...(isDue && { announcement: percent }) });
    },
    onNotice: (notice) => {
      if (notice.type === 'continued') wasContinued = true;
      const { text, note } = describeNotice(notice);
      if (note !== undefined) set({ notes: [...notes.add(note)] });
      if (text !== undefined) set({ fraction: undefined, ...said(text) });
    },
  });
  forget(settings.id);
  const text = words.job.imported(model.name, formatBytes(model.bytes), wasContinued, lasts);
  set({ ...UNCHECKED, ...said(text) });
  return model;
}

const said = (text: string) => ({ text, announcement: text });

function describeProgress({ parts, bytes, rate, secondsLeft }: ConvertProgress) {
  const fraction = bytes.done / bytes.total;
  const left = secondsLeft === undefined || parts.done === parts.total ? '' : words.job.left(secondsLeft);
  const text = [
    words.job.progress(bytes.done, bytes.total),
    rate === 0 ? '' : words.job.rate(rate),
    left,
    words.job.parts(parts.done, parts.total, parts.found),
  ].join('');
  return { fraction, text, percent: words.job.percent(fraction) + left };
}

/** @returns a note on the result, or what happens now */
function describeNotice(notice: ConvertNotice): { note?: string; text?: string } {
  switch (notice.type) {
    case 'assumed':
      return { note: words.job.assumed(notice.what) };
    case 'left-out':
      return { note: words.job.leftOut(notice.what) };
    case 'other-source':
      return { note: words.job.otherSource(notice.reason, notice.taken) };
    case 'started-over':
      return { text: words.job.startingOver(notice.reason) };
    default:
      return notice.type === 'continued' ? { text: words.job.continuing } : {};
  }
}

/** The last word about a check or an import that did not succeed. */
function endOf(isImport: boolean, error: unknown, isStopped: boolean): string {
  if (!isImport) return isStopped ? words.job.cancelled : '';
  if (isStopped) return words.job.paused(words.job.kept);
  return isFluxError(error, 'network/') || isFluxError(error, 'storage/') ? words.job.kept : '';
}
