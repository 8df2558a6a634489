import { element } from '../elements.ts';
import { showChosen } from './chosen-list.ts';
import { droppedFiles, type Picked, pickedFiles } from './read-picked.ts';
import { type Chosen, sortFiles } from './sort-files.ts';

const fields = element('import-fields', HTMLFieldSetElement);
const drop = element('drop', HTMLDivElement);

let chosen: readonly Chosen[] = [];

/** What the user has picked or dropped. */
export function chosenFiles(): readonly Chosen[] {
  return chosen;
}

export interface ChooseHandlers {
  /** The choice is another one now. `leftOut` are paths of files that are of no use. */
  onChange: (leftOut: readonly string[]) => void;
  onError: (cause: unknown) => void;
}

/** Lets files and folders be picked and dropped. */
export function listenToFiles({ onChange, onError }: ChooseHandlers): void {
  const choose = (next: readonly Chosen[], leftOut: readonly string[] = []) => {
    chosen = next;
    showChosen(chosen, choose);
    onChange(leftOut);
  };
  /** A new entry replaces one of the same name, or a folder of the same kind. */
  const add = (picked: readonly Picked[]) => {
    const { chosen: found, unknown } = sortFiles(picked);
    const place = (entry: Chosen) => (entry.kind === 'folder' ? entry.role : entry.file.name);
    const taken = new Set(found.map(place));
    choose([...chosen.filter((entry) => !taken.has(place(entry))), ...found], unknown);
  };
  for (const id of ['pick-folder', 'pick-files']) {
    const input = element(id, HTMLInputElement);
    input.addEventListener('change', () => {
      add(pickedFiles(input.files ?? []));
      // Otherwise choosing the same again would not be a change.
      input.value = '';
    });
  }
  drop.addEventListener('dragover', () => drop.classList.toggle('over', !fields.disabled));
  for (const type of ['dragleave', 'drop']) drop.addEventListener(type, () => drop.classList.remove('over'));
  drop.addEventListener('drop', ({ dataTransfer }) => {
    if (dataTransfer === null || fields.disabled) return;
    droppedFiles(dataTransfer).then(add, onError);
  });
}
