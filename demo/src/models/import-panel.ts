import type { ModelStorage, WeightClass } from 'flux-srpo';
import { HUB } from '../address.ts';
import { element, showLines } from '../elements.ts';
import { showError } from '../show-error.ts';
import { chosenFiles, listenToFiles } from './choose-files.ts';
import { nameOf } from './chosen-list.ts';
import { importJob } from './import-job.ts';
import { readInfo, readSources } from './read-sources.ts';
import type { RememberedImport } from './remembered.ts';
import { tokenNote } from './token-note.ts';
import { readUrls } from './url-fields.ts';
import { WEIGHT_CLASSES } from './weight-classes.ts';

const panel = element('import-panel', HTMLDetailsElement);
const form = element('import-form', HTMLFormElement);
const dtype = element('dtype', HTMLSelectElement);
const idField = element('import-id', HTMLInputElement);
const token = element('import-token', HTMLInputElement);

export interface ImportPanelHandlers {
  storage: ModelStorage;
  /** The stored models may have changed. */
  onChange: () => Promise<void>;
  /** Moves the focus to the button that uses the new model. */
  offerToUse: (url: string) => void;
}

/** Lets the user import files of their own. The result opens the panel to continue an import. */
export function listenToImports({ storage, onChange, offerToUse }: ImportPanelHandlers) {
  const job = importJob({
    prefix: 'import',
    storage,
    async read(_isImport, _anyway) {
      if (!idField.reportValidity()) return undefined;
      const id = idField.value;
      const info = (await readInfo(chosenFiles())) ?? unnamed(id);
      return {
        sources: readSources(chosenFiles(), readUrls()),
        settings: {
          id,
          dtype: dtype.value as WeightClass,
          info,
          hub: HUB,
          ...(token.value === '' ? {} : { token: token.value }),
        },
        setup: { dtype: dtype.value as WeightClass, names: sourceNames() },
      };
    },
    onChange,
    async onImported({ url }) {
      if (form.contains(document.activeElement)) offerToUse(url);
    },
  });
  const describeChoice = (leftOut: readonly string[]): void => {
    job.reset();
    if (leftOut.length === 0) return;
    const more = leftOut.length > 3 ? ` and ${leftOut.length - 3} more` : '';
    const names = leftOut.slice(0, 3).join(', ');
    showLines(element('import-forecast', HTMLDivElement), [
      `Left out, being neither weights nor part of a model’s folder: ${names}${more}.`,
    ]);
  };
  for (const [value, { label }] of Object.entries(WEIGHT_CLASSES)) dtype.add(new Option(label, value));
  describeClass();
  element('import-token-note', HTMLParagraphElement).textContent = tokenNote(HUB);
  dtype.addEventListener('change', describeClass);
  listenToFiles({
    onChange: describeChoice,
    onError: (cause) => showError(element('import-error', HTMLParagraphElement), cause),
  });

  return function continueImport(id: string, setup: RememberedImport | undefined): void {
    panel.open = true;
    idField.value = id;
    if (setup !== undefined) dtype.value = setup.dtype;
    describeClass();
    job.reset();
    if (chosenFiles().length > 0) job.focusCheck();
    else element('pick-folder', HTMLInputElement).focus();
    form.scrollIntoView({ block: 'nearest' });
  };
}

/** What files are called that do not say what they are. */
function unnamed(id: string) {
  return {
    name: id,
    licence: { id: 'unknown', notice: 'The licences of the imported files apply to what was made of them.' },
  };
}

function sourceNames(): string[] {
  const { files, tokenizers } = readUrls();
  const urls = [...Object.values(files), ...(tokenizers === undefined ? [] : [tokenizers])];
  const lastOf = (url: string) =>
    url
      .replace(/[?#].*/, '')
      .split('/')
      .findLast(Boolean) ?? 'a URL';
  return [...chosenFiles().map(nameOf), ...urls.map(lastOf)];
}

function describeClass(): void {
  element('dtype-note', HTMLParagraphElement).textContent = WEIGHT_CLASSES[dtype.value as WeightClass].note;
}
