import { formatBytes } from 'flux-srpo';
import { button, element, make, row } from '../elements.ts';
import type { Chosen, FolderRole, Role } from './sort-files.ts';

const list = element('chosen', HTMLUListElement);

export const ROLES: Readonly<Record<Role, string>> = {
  transformer: 'Transformer',
  t5: 'T5 encoder',
  clip: 'CLIP encoder',
  vae: 'VAE',
  checkpoint: 'Several of these in one file',
};

export const FOLDER_ROLES: Readonly<Record<FolderRole, string>> = {
  folder: 'Diffusers folder',
  tokenizers: 'Tokenizers',
  safetyChecker: 'Safety checker',
};

/** Shows the chosen files. `onChange` gets the list that the user has changed. */
export function showChosen(chosen: readonly Chosen[], onChange: (chosen: readonly Chosen[]) => void): void {
  list.replaceChildren(
    ...chosen.map((entry, index) => {
      const remove = () => {
        onChange(chosen.toSpliced(index, 1));
        // The button that had the focus is gone with its row.
        (list.querySelector('button') ?? element('pick-folder', HTMLInputElement)).focus();
      };
      const controls: HTMLElement[] = [button('Remove', remove, `Remove ${nameOf(entry)}`)];
      if (entry.kind === 'file') {
        controls.unshift(roleSelect(entry, (role) => onChange(chosen.with(index, { ...entry, role }))));
      }
      return row(nameOf(entry), describe(entry), ...controls);
    }),
  );
}

function roleSelect({ role, file }: Extract<Chosen, { kind: 'file' }>, onChange: (role: Role) => void) {
  const select = make('select', { ariaLabel: `What ${file.name} is` });
  for (const [value, label] of Object.entries(ROLES)) select.add(new Option(label, value));
  select.value = role;
  select.addEventListener('change', () => {
    onChange(select.value as Role);
    // The list was rendered again: the same field of the new list gets the focus.
    [...list.querySelectorAll('select')].find(({ ariaLabel }) => ariaLabel === select.ariaLabel)?.focus();
  });
  return select;
}

export function nameOf(entry: Chosen): string {
  return entry.kind === 'folder' ? entry.name : entry.file.name;
}

function describe(entry: Chosen): string {
  if (entry.kind === 'info') return 'Name, licence, sizes and defaults of the model';
  if (entry.kind === 'file') return formatBytes(entry.file.size);
  const files = Object.values(entry.files);
  const bytes = formatBytes(files.reduce((sum, { size }) => sum + size, 0));
  return `${FOLDER_ROLES[entry.role]}, ${files.length} ${files.length === 1 ? 'file' : 'files'}, ${bytes}`;
}
