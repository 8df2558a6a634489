import {
  type CompleteModel,
  formatBytes,
  type ImportForecast,
  type ImportSettings,
  type ImportSources,
  isFluxError,
  type ModelStorage,
  type RecipeSources,
} from 'flux-srpo';
import { element, showLines } from '../elements.ts';
import { showError } from '../show-error.ts';
import { describeForecast } from './describe-forecast.ts';
import { jobView } from './job-view.ts';
import { nextStep } from './next-step.ts';
import { forget, type RememberedImport, remember } from './remembered.ts';

/** What a form asks for. */
export interface JobRequest {
  sources: ImportSources | RecipeSources;
  settings: ImportSettings & { id: string };
  /** What to say of it after a reload. */
  setup: RememberedImport;
}

export interface JobOptions {
  /** Ids of the panel's elements begin with it. */
  prefix: 'import' | 'recipe';
  storage: ModelStorage;
  /**
   * Reads the form. Undefined where a field must be mended, which the browser has then said.
   *
   * @param isImport an import is meant, not only a check
   * @param anyway the user has chosen a model that this machine cannot draw with
   */
  read(isImport: boolean, anyway: boolean): Promise<JobRequest | undefined>;
  /** The stored models may have changed. */
  onChange(): Promise<void>;
  onImported(model: CompleteModel): Promise<void>;
  onError?(cause: unknown): void;
}

/** Checks and imports what a panel's form asks for. */
export interface ImportJob {
  /** The form asks for something else now: the last check says nothing of it. */
  reset(): void;
  focusCheck(): void;
}

const KEPT =
  'Finished parts are kept. Going on starts from there, now or after a reload, with the same choice and settings.';

export function importJob({ prefix, storage, read, onChange, onImported, onError }: JobOptions): ImportJob {
  const form = element(`${prefix}-form`, HTMLFormElement);
  const fields = element(`${prefix}-fields`, HTMLFieldSetElement);
  const forecastPlace = element(`${prefix}-forecast`, HTMLDivElement);
  const obstacles = element(`${prefix}-obstacles`, HTMLDivElement);
  const anyway = element(`${prefix}-anyway`, HTMLInputElement);
  const check = element(`${prefix}-check`, HTMLButtonElement);
  const start = element(`${prefix}-start`, HTMLButtonElement);
  const stop = element(`${prefix}-stop`, HTMLButtonElement);
  const token = element(`${prefix}-token`, HTMLInputElement);
  const error = element(`${prefix}-error`, HTMLParagraphElement);
  const view = jobView(prefix);
  const startLabel = start.textContent;

  /** Of the present choice, once it was checked. */
  let forecast: ImportForecast | undefined;
  /** Ends the check or the import that is running. */
  let run: AbortController | undefined;

  const isReady = () =>
    forecast?.fits === true && (forecast.machine.obstacles.length === 0 || anyway.checked) && run === undefined;
  const updateStart = () => {
    start.disabled = !isReady();
  };

  function reset(): void {
    forecast = undefined;
    showLines(forecastPlace, []);
    obstacles.hidden = true;
    anyway.checked = false;
    start.textContent = startLabel;
    error.hidden = true;
    updateStart();
  }

  async function doCheck({ sources, settings }: JobRequest, signal: AbortSignal): Promise<void> {
    view.start('Reading the headers…');
    const [found, room] = await Promise.all([storage.foresee(sources, { ...settings, signal }), storage.estimate()]);
    forecast = found;
    showLines(forecastPlace, describeForecast(found, room));
    element(`${prefix}-obstacles-text`, HTMLParagraphElement).textContent =
      `This machine cannot draw with it: ${found.machine.obstacles.join('; ')}.`;
    obstacles.hidden = found.machine.obstacles.length === 0;
    view.stop('');
  }

  async function doImport({ sources, settings, setup }: JobRequest, signal: AbortSignal): Promise<CompleteModel> {
    let wasContinued = false;
    // Browsers clear what is not persistent when the disk gets full. Not awaited: Firefox asks the
    // person, who may never answer.
    let isPersistent = false;
    void storage.persist().then((isGranted) => {
      isPersistent = isGranted;
    });
    view.clearNotes();
    view.start('Reading the headers…');
    const model = await storage.import(sources, {
      ...settings,
      signal,
      onProgress: (progress) => {
        // From the first part on, the stored files belong to this setup.
        if (progress.parts.done === 1) remember(settings.id, setup);
        view.progress(progress);
      },
      onNotice: (notice) => {
        view.note(notice);
        if (notice.type === 'started-over') view.start(`Starting over: ${notice.reason}.`);
        if (notice.type !== 'continued') return;
        wasContinued = true;
        view.start('Going on where the last import stopped: checking the finished parts…');
      },
    });
    forget(settings.id);
    token.value = '';
    reset();
    const how = wasContinued ? 'Imported, continued from where it had stopped' : 'Imported';
    const lasting = isPersistent ? '' : ' The browser may clear it when the disk gets full.';
    view.stop(`${how}: ${model.name}, ${formatBytes(model.bytes)}. It is in the list above.${lasting}`);
    return model;
  }

  /** Runs the check or the import with the fields locked, and says how it ended. */
  async function perform(isImport: boolean): Promise<void> {
    if (run !== undefined) return;
    error.hidden = true;
    let imported: CompleteModel | undefined;
    // Leaving would stop the import.
    const askBeforeLeaving = (event: Event) => event.preventDefault();
    const controller = new AbortController();
    const { signal } = controller;
    try {
      const request = await read(isImport, anyway.checked);
      if (request === undefined) return;
      run = controller;
      if (isImport) addEventListener('beforeunload', askBeforeLeaving);
      showRunning(isImport);
      if (isImport) imported = await doImport(request, signal);
      else await doCheck(request, signal);
    } catch (cause) {
      view.stop(endOf(isImport, cause, signal.aborted));
      if (isImport && run !== undefined) start.textContent = 'Go on';
      if (!signal.aborted) {
        showError(error, cause, nextStep(cause));
        onError?.(cause);
      }
    } finally {
      run = undefined;
      removeEventListener('beforeunload', askBeforeLeaving);
      showStopped();
      await onChange();
      if (imported !== undefined) await onImported(imported);
    }
  }

  /** Focus never stays on a button that has just been disabled. */
  function showRunning(isImport: boolean): void {
    const hadFocus = document.activeElement;
    fields.disabled = true;
    anyway.disabled = true;
    check.disabled = true;
    stop.disabled = false;
    stop.textContent = isImport ? 'Pause' : 'Cancel';
    updateStart();
    if (hadFocus === check || hadFocus === start) stop.focus();
  }

  function showStopped(): void {
    const hadFocus = document.activeElement;
    fields.disabled = false;
    anyway.disabled = false;
    check.disabled = false;
    stop.disabled = true;
    stop.textContent = 'Pause';
    updateStart();
    if (hadFocus === stop || hadFocus === document.body) (start.disabled ? check : start).focus();
  }

  fields.addEventListener('input', reset);
  anyway.addEventListener('change', updateStart);
  check.addEventListener('click', () => void perform(false));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    // Enter in a field: first the check, which enables the import.
    void perform(!start.disabled);
  });
  stop.addEventListener('click', () => run?.abort());
  return { reset, focusCheck: () => check.focus() };
}

/** The last word about a check or an import that did not succeed. */
function endOf(isImport: boolean, cause: unknown, isStopped: boolean): string {
  if (!isImport) return isStopped ? 'Cancelled.' : '';
  if (isStopped) return `Paused. ${KEPT} To give the room back, delete it in the list above.`;
  return isFluxError(cause, 'network/') || isFluxError(cause, 'storage/') ? KEPT : '';
}
