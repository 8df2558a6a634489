import { type ImportOptions, type ImportSources, isFluxError, type ModelStorage, type WeightClass } from 'flux-srpo';
import { element } from '../elements.ts';
import { showError } from '../show-error.ts';
import { formatBytes } from '../units.ts';
import { chosenFiles, listenToFiles } from './choose-files.ts';
import { nameOf } from './chosen-list.ts';
import { describeForecast, showProgress, startBar, stopBar } from './import-view.ts';
import { nextStep } from './next-step.ts';
import { readInfo, readSources } from './read-sources.ts';
import { forget, type RememberedImport, remember } from './remembered.ts';
import { readUrls } from './url-fields.ts';
import { WEIGHT_CLASSES } from './weight-classes.ts';

const panel = element('import-panel', HTMLDetailsElement);
const form = element('import-form', HTMLFormElement);
const fields = element('import-fields', HTMLFieldSetElement);
const dtype = element('dtype', HTMLSelectElement);
const idField = element('import-id', HTMLInputElement);
const token = element('token', HTMLInputElement);
const check = element('check', HTMLButtonElement);
const start = element('import', HTMLButtonElement);
const cancel = element('import-cancel', HTMLButtonElement);
const forecast = element('forecast', HTMLParagraphElement);
const error = element('import-error', HTMLParagraphElement);

export interface ImportPanelHandlers {
  storage: ModelStorage;
  /** The stored models may have changed. */
  onChange: () => Promise<void>;
  /** Moves the focus to the button that uses the new model. */
  offerToUse: (url: string) => void;
}

/** Whether the present choice was checked and fits. */
let isReady = false;
/** Ends the check or the import that is running. */
let run: AbortController | undefined;

export function listenToImports({ storage, onChange, offerToUse }: ImportPanelHandlers): void {
  for (const [value, { label }] of Object.entries(WEIGHT_CLASSES)) dtype.add(new Option(label, value));
  describeClass();
  listenToFiles({ onChange: describeChoice, onError: (cause) => showError(error, cause) });
  dtype.addEventListener('change', describeClass);
  fields.addEventListener('input', resetForecast);
  check.addEventListener('click', () => void perform('check', doCheck));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    // Enter in a field: first the check, which enables the import.
    if (start.disabled) check.click();
    else void perform('import', doImport);
  });
  cancel.addEventListener('click', () => run?.abort());

  async function doCheck(sources: ImportSources, settings: ImportOptions): Promise<undefined> {
    startBar('Reading the headers…');
    const [found, room] = await Promise.all([storage.foresee(sources, settings), storage.estimate()]);
    forecast.textContent = describeForecast(found, room);
    isReady = found.fits;
    stopBar('');
  }

  async function doImport(sources: ImportSources, settings: ImportOptions): Promise<string> {
    let wasContinued = false;
    const id = idField.value;
    const setup = { dtype: dtype.value as WeightClass, names: sourceNames() };
    // Browsers clear what is not persistent when the disk gets full. Not awaited: Firefox asks the
    // person, who may never answer.
    let isPersistent = false;
    void storage.persist().then((isGranted) => {
      isPersistent = isGranted;
    });
    startBar('Reading the headers…');
    const model = await storage.import(sources, {
      ...settings,
      onProgress: (progress) => {
        // From the first part on, the stored files belong to this setup.
        if (progress.parts.done === 1) remember(id, setup);
        showProgress(progress);
      },
      onNotice: (notice) => {
        wasContinued = notice.type === 'continued';
        if (notice.type === 'started-over') startBar(`Starting over: ${notice.reason}.`);
        if (wasContinued) startBar('Continuing where the last import stopped: checking the finished parts…');
      },
    });
    forget(id);
    token.value = '';
    const how = wasContinued ? 'Imported, continued from where it had stopped' : 'Imported';
    const lasting = isPersistent ? '' : ' The browser may clear it when the disk gets full.';
    stopBar(`${how}: ${model.name}, ${formatBytes(model.bytes)}. It is in the list above.${lasting}`);
    resetForecast();
    return model.url;
  }

  /** Runs the check or the import with the fields locked, and says how it ended. */
  async function perform(
    what: 'check' | 'import',
    work: (sources: ImportSources, settings: ImportOptions) => Promise<string | undefined>,
  ): Promise<void> {
    if (run !== undefined) return;
    run = new AbortController();
    const { signal } = run;
    let imported: string | undefined;
    // Leaving would stop the import.
    const askBeforeLeaving = (event: Event) => event.preventDefault();
    if (what === 'import') addEventListener('beforeunload', askBeforeLeaving);
    error.hidden = true;
    try {
      if (!idField.reportValidity()) return;
      const sources = readSources(chosenFiles(), readUrls());
      setRunning(true);
      const info = await readInfo(chosenFiles());
      imported = await work(sources, {
        id: idField.value,
        dtype: dtype.value as WeightClass,
        ...(info === undefined ? {} : { info }),
        ...(token.value === '' ? {} : { token: token.value }),
        signal,
      });
    } catch (cause) {
      stopBar(endOf(what, cause, signal.aborted));
      if (!signal.aborted) showError(error, cause, nextStep(cause));
    } finally {
      run = undefined;
      removeEventListener('beforeunload', askBeforeLeaving);
      setRunning(false);
      await onChange();
      if (imported !== undefined && form.contains(document.activeElement)) offerToUse(imported);
    }
  }
}

/** The last word about a check or an import that did not succeed. */
function endOf(what: 'check' | 'import', cause: unknown, isCancelled: boolean): string {
  if (what === 'check') return isCancelled ? 'Cancelled.' : '';
  const kept =
    'Finished parts are kept: press Import to continue from there, now or after a reload with the same files and settings.';
  if (isCancelled) return `Cancelled. ${kept}`;
  return isFluxError(cause, 'network/') || isFluxError(cause, 'storage/') ? kept : '';
}

/** Opens the panel to continue an interrupted import. */
export function continueImport(id: string, setup: RememberedImport | undefined): void {
  panel.open = true;
  idField.value = id;
  if (setup !== undefined) dtype.value = setup.dtype;
  describeClass();
  resetForecast();
  const first = chosenFiles().length > 0 ? check : element('pick-folder', HTMLInputElement);
  first.focus();
  form.scrollIntoView({ block: 'nearest' });
}

function describeChoice(leftOut: readonly string[]): void {
  resetForecast();
  const more = leftOut.length > 3 ? ` and ${leftOut.length - 3} more` : '';
  if (leftOut.length === 0) return;
  forecast.textContent = `Left out, being neither weights nor part of a model’s folder: ${leftOut.slice(0, 3).join(', ')}${more}.`;
}

function sourceNames(): string[] {
  const { files, tokenizers } = readUrls();
  const urls = [...Object.values(files), ...(tokenizers === undefined ? [] : [tokenizers])];
  return [
    ...chosenFiles().map(nameOf),
    ...urls.map((url) => new URL(url, document.baseURI).pathname.split('/').findLast(Boolean) ?? 'a URL'),
  ];
}

function describeClass(): void {
  element('dtype-note', HTMLParagraphElement).textContent = WEIGHT_CLASSES[dtype.value as WeightClass].note;
}

/** A forecast holds only for the files and settings that it was made from. */
function resetForecast(): void {
  forecast.textContent = '';
  isReady = false;
  start.disabled = true;
  error.hidden = true;
}

/** Focus never stays on a button that has just been disabled. */
function setRunning(isRunning: boolean): void {
  const hadFocus = document.activeElement;
  fields.disabled = isRunning;
  check.disabled = isRunning;
  cancel.disabled = !isRunning;
  start.disabled = isRunning || !isReady;
  if (isRunning && (hadFocus === check || hadFocus === start)) cancel.focus();
  if (!isRunning && (hadFocus === cancel || hadFocus === document.body)) (start.disabled ? check : start).focus();
}
