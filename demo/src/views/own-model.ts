import { formatBytes } from 'flux-srpo';
import { html, type TemplateResult } from 'lit-html';
import { live } from 'lit-html/directives/live.js';
import type { Actions } from '../actions.ts';
import type { OwnForm, UrlField } from '../models/models-state.ts';
import { droppedFiles, pickedFiles } from '../models/read-picked.ts';
import { type Chosen, nameOf, type Role } from '../models/sort-files.ts';
import type { State } from '../state.ts';
import { words } from '../words.ts';
import { importFormView, nameView, tokenView } from './import-job.ts';

/** Files of a person's own that become a model. */
export function ownModelView(state: State, actions: Actions): TemplateResult {
  const { own } = state.models;
  const { editOwn } = actions.models;
  const fields = html`${dropView(state, actions)}
    <ul id="chosen" aria-label=${words.own.chosen}>${own.chosen.map((entry, place) => chosenView(entry, place, own, actions))}</ul>
    <details id="urls">
      <summary>${words.own.urls}</summary>
      <p class="quiet">${words.own.urlsAbout}</p>
      <div id="url-fields">${URL_FIELDS.map((field) => urlView(field, own, actions))}</div>
      ${tokenView('import', words.own.token, own.token, own.hub, (token) => editOwn({ token }))}
    </details>
    <div class="row">
      <div class="wide">${classView(own, actions)}</div>
      ${nameView('import', own.id, (id) => editOwn({ id }))}
    </div>`;
  return html`<summary>${words.own.title}</summary>
    <p class="quiet">${words.own.about}</p>
    ${importFormView('import', fields, state, actions)}`;
}

function dropView({ models }: State, { models: actions }: Actions): TemplateResult {
  const isBusy = models.jobs.import.run !== undefined;
  const pick = ({ target }: Event) => {
    const input = target as HTMLInputElement;
    actions.addFiles(pickedFiles(input.files ?? []));
    // Otherwise choosing the same again would not be a change.
    input.value = '';
  };
  const mark = (isOver: boolean) => (event: Event) =>
    (event.currentTarget as Element).classList.toggle('over', isOver && !isBusy);
  const drop = (event: DragEvent) => {
    mark(false)(event);
    if (event.dataTransfer !== null && !isBusy) actions.addFiles(droppedFiles(event.dataTransfer));
  };
  return html`<div id="drop" @dragover=${mark(true)} @dragleave=${mark(false)} @drop=${drop}>
    <p>${words.own.drop}</p>
    <div class="row">
      <div><input id="pick-folder" class="unseen" type="file" webkitdirectory multiple @change=${pick} /><label class="button" for="pick-folder">${words.own.folder}</label></div>
      <div><input id="pick-files" class="unseen" type="file" multiple @change=${pick} /><label class="button" for="pick-files">${words.own.files}</label></div>
    </div>
  </div>`;
}

/** What one file may be. */
const FILE_ROLES = ['transformer', 't5', 'clip', 'vae', 'checkpoint'] as const satisfies readonly Role[];

function chosenView(entry: Chosen, place: number, { chosen }: OwnForm, { models: { editOwn } }: Actions) {
  const name = nameOf(entry);
  const setRole = (file: Extract<Chosen, { kind: 'file' }>) => (event: Event) => {
    const role = (event.target as HTMLSelectElement).value as Role;
    editOwn({ chosen: chosen.with(place, { ...file, role }) });
  };
  return html`<li>
    <div class="about">
      <div>${name}</div>
      <div class="quiet">${describe(entry)}</div>
    </div>
    ${
      entry.kind === 'file'
        ? html`<select aria-label=${words.own.whatIs(name)} @change=${setRole(entry)}>
            ${FILE_ROLES.map((role) => html`<option value=${role} .selected=${live(role === entry.role)}>${words.own.roles[role]}</option>`)}
          </select>`
        : ''
    }
    <button type="button" data-then="pick-folder" aria-label=${words.own.removeNamed(name)} @click=${() => editOwn({ chosen: chosen.toSpliced(place, 1) })}>${words.own.remove}</button>
  </li>`;
}

function describe(entry: Chosen): string {
  if (entry.kind === 'info') return words.own.info;
  if (entry.kind === 'file') return formatBytes(entry.file.size);
  const files = Object.values(entry.files);
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return words.own.folderAbout(words.own.roles[entry.role], files.length, bytes);
}

const URL_FIELDS = [...FILE_ROLES, 'tokenizers'] as const satisfies readonly UrlField[];

/** Without a `name`, so that a form sent by mistake would not send it. */
function urlView(field: UrlField, { urls }: OwnForm, { models: { editOwn } }: Actions): TemplateResult {
  const edit = ({ target }: Event) => editOwn({ urls: { ...urls, [field]: (target as HTMLInputElement).value } });
  return html`<div>
    <label for="url-${field}">${words.own.urlOf[field]}</label>
    <input id="url-${field}" type="url" inputmode="url" spellcheck="false" placeholder="https://" .value=${live(urls[field] ?? '')} @input=${edit} />
  </div>`;
}

function classView({ dtype }: OwnForm, { models: { editOwn } }: Actions): TemplateResult {
  const choose = ({ target }: Event) => editOwn({ dtype: (target as HTMLSelectElement).value as OwnForm['dtype'] });
  return html`<label for="dtype">${words.own.storedAs}</label>
    <select id="dtype" aria-describedby="dtype-note" @change=${choose}>
      ${Object.entries(words.own.classes).map(([value, { label }]) => html`<option value=${value} .selected=${live(value === dtype)}>${label}</option>`)}
    </select>
    <p id="dtype-note" class="quiet">${words.own.classes[dtype].note}</p>`;
}
