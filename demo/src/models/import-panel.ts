import { type ImportOptions, type ImportSources, isFluxError, type ModelStorage, type WeightClass } from 'flux-srpo';
import { element } from '../elements.ts';
import { showError } from '../show-error.ts';
import { formatBytes } from '../units.ts';
import { nameOf, showChosen } from './chosen-list.ts';
import { describeForecast, showProgress, startBar, stopBar } from './import-view.ts';
import { nextStep } from './next-step.ts';
import { droppedFiles, type Picked, pickedFiles } from './read-picked.ts';
import { readInfo, readSources } from './read-sources.ts';
import { forget, type RememberedImport, remember } from './remembered.ts';
import { type Chosen, sortFiles } from './sort-files.ts';
import { readUrls } from './url-fields.ts';
import { WEIGHT_CLASSES } from './weight-classes.ts';

const panel = element('import-panel', HTMLDetailsElement);
const form = element('import-form', HTMLFormElement);
const fields = element('import-fields', HTMLFieldSetElement);
const drop = element('drop', HTMLDivElement);
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
  /** Something about the stored models is other than before. */
  onChange: () => Promise<void>;
  /** Puts the focus where a new model can be taken into use. */
  offerToUse: (url: string) => void;
}

let chosen: Chosen[] = [];
/** Whether what is chosen now was checked and fits. */
let isReady = false;
/** Of the check or the import under way. */
let run: AbortController | undefined;

export function listenToImports({ storage, onChange, offerToUse }: ImportPanelHandlers): void {
  for (const [value, { label }] of Object.entries(WEIGHT_CLASSES)) dtype.add(new Option(label, value));
  describeClass();
  listenToFiles();
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
    // Browsers clear what is not persistent when the disk gets full.
    const isPersistent = await storage.persist();
    startBar('Reading the headers…');
    const model = await storage.import(sources, {
      ...settings,
      onProgress: (progress) => {
        // From the first part on, what is stored is of this setup.
        if (progress.parts.done === 1) remember(id, setup);
        showProgress(progress);
      },
      onNotice: (notice) => {
        wasContinued = notice.type === 'continued';
        if (notice.type === 'started-over') startBar(`Starting over: ${notice.reason}.`);
        if (wasContinued) startBar('Going on where the last import stopped: checking what is done…');
      },
    });
    forget(id);
    token.value = '';
    const how = wasContinued ? 'Imported, going on from where it had stopped' : 'Imported';
    const lasting = isPersistent ? '' : ' The browser may clear it when the disk gets full.';
    stopBar(`${how}: ${model.name}, ${formatBytes(model.bytes)}. It is in the list above.${lasting}`);
    resetForecast();
    return model.url;
  }

  /** Runs one of the two with the fields locked; says how it ended. */
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
      const sources = readSources(chosen, readUrls());
      setRunning(true);
      const info = await readInfo(chosen);
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

/** What has become of the work. */
function endOf(what: 'check' | 'import', cause: unknown, isCancelled: boolean): string {
  if (what === 'check') return isCancelled ? 'Cancelled.' : '';
  const kept =
    'What is done is kept: press Import to go on from there, now or after a reload with the same files and settings.';
  if (isCancelled) return `Cancelled. ${kept}`;
  return isFluxError(cause, 'network/') || isFluxError(cause, 'storage/') ? kept : '';
}

/** Opens the panel for an interrupted import. */
export function goOnWith(id: string, setup: RememberedImport | undefined): void {
  panel.open = true;
  idField.value = id;
  if (setup !== undefined) dtype.value = setup.dtype;
  describeClass();
  resetForecast();
  const first = chosen.length > 0 ? check : element('pick-folder', HTMLInputElement);
  first.focus();
  form.scrollIntoView({ block: 'nearest' });
}

function listenToFiles(): void {
  for (const id of ['pick-folder', 'pick-files']) {
    const input = element(id, HTMLInputElement);
    input.addEventListener('change', () => {
      add(pickedFiles(input.files ?? []));
      // So that choosing the same again is a change.
      input.value = '';
    });
  }
  // A file dropped beside the zone would be opened in place of the page.
  addEventListener('dragover', (event) => event.preventDefault());
  addEventListener('drop', (event) => event.preventDefault());
  drop.addEventListener('dragover', () => drop.classList.toggle('over', !fields.disabled));
  for (const type of ['dragleave', 'drop']) drop.addEventListener(type, () => drop.classList.remove('over'));
  drop.addEventListener('drop', ({ dataTransfer }) => {
    if (dataTransfer === null || fields.disabled) return;
    droppedFiles(dataTransfer).then(add, (cause: unknown) => showError(error, cause));
  });
}

/** Takes the place of what is of the same name, or a folder of the same kind. */
function add(picked: readonly Picked[]): void {
  const { chosen: found, unknown } = sortFiles(picked);
  const place = (entry: Chosen) => (entry.kind === 'folder' ? entry.role : entry.file.name);
  const taken = new Set(found.map(place));
  setChosen([...chosen.filter((entry) => !taken.has(place(entry))), ...found]);
  const some =
    unknown.length > 3 ? `${unknown.slice(0, 3).join(', ')} and ${unknown.length - 3} more` : unknown.join(', ');
  forecast.textContent =
    unknown.length === 0 ? '' : `Left out, being neither weights nor part of a model’s folder: ${some}.`;
}

function setChosen(next: Chosen[]): void {
  chosen = next;
  resetForecast();
  showChosen(chosen, setChosen);
}

function sourceNames(): string[] {
  const { files, tokenizers } = readUrls();
  const urls = [...Object.values(files), ...(tokenizers === undefined ? [] : [tokenizers])];
  return [
    ...chosen.map(nameOf),
    ...urls.map((url) => new URL(url, document.baseURI).pathname.split('/').findLast(Boolean) ?? 'a URL'),
  ];
}

function describeClass(): void {
  element('dtype-note', HTMLParagraphElement).textContent = WEIGHT_CLASSES[dtype.value as WeightClass].note;
}

/** A forecast holds for what it was made of. */
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
