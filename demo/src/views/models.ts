import { formatBytes, type StoredModel, type UnfinishedModel } from 'flux-srpo';
import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import type { Actions } from '../actions.ts';
import { EMBEDDED } from '../address.ts';
import { type Folder, HAS_PICKER } from '../models/folders.ts';
import { freeRoom, takenRoom } from '../models/models-state.ts';
import { nextStep } from '../models/next-step.ts';
import { recall } from '../models/remembered.ts';
import { addressOf, type State } from '../state.ts';
import { words } from '../words.ts';
import { errorText } from './error.ts';

/** A line of the list. */
interface Row {
  /** Address of the model. */
  url: string;
  title: string;
  about: string;
  /** Absent: it cannot be opened. */
  canUse?: boolean;
  folder?: Folder;
  unfinished?: UnfinishedModel;
  /** What this browser stores of it. */
  stored?: StoredModel | undefined;
  /** What to call that when it is deleted. Absent: it cannot be. */
  removable?: string;
}

/** The embedded model, and everything that this browser stores. */
export function modelsView(state: State, actions: Actions): TemplateResult {
  const { models } = state;
  const { stored, text, error } = models;
  const kept = stored.find(({ id }) => id === EMBEDDED);
  const others = stored.filter((model) => model !== kept);
  const rows = [embeddedRow(kept, state), ...others.map(storedRow), ...models.folders.map(folderRow)];
  return html`<h2 id="models-title" tabindex="-1">${words.models.title}</h2>
    <ul id="model-list">
      ${repeat(
        rows,
        ({ url }) => url,
        (row) => rowView(row, state, actions),
      )}
    </ul>
    <p id="storage" class="quiet">${words.models.room(takenRoom(stored), freeRoom(models))}</p>
    <div class="tools">${pickView(actions)}<button type="button" class="small" @click=${actions.models.clear}>${words.models.clear}</button></div>
    <p id="models-status" role="status">${text}</p>
    <p id="models-error" class="error" role="alert" ?hidden=${error === undefined}>${error === undefined ? nothing : errorText(error)}</p>`;
}

/** A model in use cannot be deleted, and this one is what the page falls back to. */
function embeddedRow(kept: StoredModel | undefined, state: State): Row {
  return {
    url: EMBEDDED,
    title: words.models.embedded,
    about: words.models.withPage(kept?.bytes),
    canUse: true,
    stored: kept,
    ...(addressOf(state) !== EMBEDDED && { removable: words.models.keptFiles }),
  };
}

function storedRow(model: StoredModel): Row {
  const { id, kind, url, bytes, state } = model;
  const size = formatBytes(bytes);
  if (state === 'unreadable') {
    return { url, title: id, about: words.models.unreadable(size, model.error.message), stored: model, removable: id };
  }
  const title = state === 'complete' && model.name !== id ? `${model.name} (${id})` : id;
  const row = { url, title, stored: model, removable: title };
  if (kind === 'kept') return { ...row, about: words.models.ofOtherPage(size) };
  if (state === 'complete') return { ...row, about: size, canUse: true };
  const setup = recall(id);
  const what = setup && words.models.wasFrom(setup.names, words.own.classes[setup.dtype].label);
  const how = setup?.recipe === undefined ? words.models.sameFiles : words.models.goesOn;
  return { ...row, about: words.models.unfinished(size, how, what ?? ''), unfinished: model };
}

function folderRow(folder: Folder): Row {
  const { url, name, source } = folder;
  const about = words.models.folderAbout(!Array.isArray(source));
  return { url, title: words.models.folder(name), about, canUse: true, folder };
}

/** Where the browser remembers no folders, an input element gives one for this visit. */
function pickView({ models: { pickFolder, useFiles } }: Actions): TemplateResult {
  if (HAS_PICKER) {
    return html`<button type="button" class="small" @click=${pickFolder}>${words.models.openFolder}</button>`;
  }
  const take = ({ target }: Event) => {
    const input = target as HTMLInputElement;
    const files = [...(input.files ?? [])];
    input.value = '';
    useFiles(files);
  };
  return html`<span class="holder"><input id="model-folder" class="unseen" type="file" webkitdirectory multiple @change=${take} /><label class="button small" for="model-folder">${words.models.openFolder}</label></span>`;
}

function verifyView(model: StoredModel, title: string, { models: { verifying } }: State, { models }: Actions) {
  const isChecked = verifying?.id === model.id;
  const act = () => (isChecked ? models.stopVerify() : models.verify(model, title));
  return html`<button type="button" class="small" aria-label=${isChecked ? nothing : words.models.verifyNamed(title)} ?disabled=${verifying !== undefined && !isChecked} @click=${act}>${isChecked ? words.models.stopVerify : words.models.verify}</button>`;
}

function rowView(
  { url, title, about, canUse, unfinished, stored, removable, folder }: Row,
  state: State,
  actions: Actions,
) {
  const isCurrent = addressOf(state) === url;
  const { refused } = state.models;
  const { use, proceed, remove, forgetFolder } = actions.models;
  return html`<li data-model=${url} aria-current=${isCurrent ? 'true' : nothing}>
    <div class="about">
      <div>${title}</div>
      <div class="quiet">${about}</div>
    </div>
    <div class="acts">
      ${canUse ? html`<button type="button" class="small use" title=${title} ?disabled=${isCurrent} @click=${() => use(url)}>${isCurrent ? words.models.inUse : words.models.use}</button>` : nothing}
      ${unfinished && actView(words.models.proceed, words.models.proceedWith(unfinished.id), () => proceed(unfinished))}
      ${stored?.state === 'complete' ? verifyView(stored, title, state, actions) : nothing}
      ${folder && actView(words.models.forget, words.models.forgetNamed(folder.name), () => forgetFolder(folder))}
      ${stored && removable && actView(words.models.remove, words.models.removeNamed(removable), () => remove(stored, removable))}
    </div>
    ${refused?.url === url ? html`<p class="error" role="alert">${errorText(refused.error, nextStep(refused.error))}</p>` : nothing}
  </li>`;
}

/** @param name what it is for, to screen readers */
function actView(label: string, name: string, act: () => void): TemplateResult {
  return html`<button type="button" class="small" data-then="models-title" aria-label=${name} @click=${act}>${label}</button>`;
}
