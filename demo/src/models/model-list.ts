import { formatBytes, type ModelStorage, type StoredModel, type UnfinishedModel } from 'flux-srpo';
import { ask } from '../ask.ts';
import { button, element, make, row } from '../elements.ts';
import { showError } from '../show-error.ts';
import { nextStep } from './next-step.ts';
import { forget, type RememberedImport, recall } from './remembered.ts';
import { WEIGHT_CLASSES } from './weight-classes.ts';

export interface ModelListHandlers {
  storage: ModelStorage;
  /** Address of the model that the page uses now: the embedded one's or `opfs:<id>`. */
  current: () => string;
  /** Absolute URL of the embedded model. */
  embedded: string;
  use: (model: string) => Promise<void>;
  /** The user wants to continue an interrupted import. */
  continueImport: (id: string, setup: RememberedImport | undefined) => void;
  onError: (cause: unknown) => void;
}

const list = element('model-list', HTMLUListElement);
const status = element('models-status', HTMLParagraphElement);

/** Shows the embedded model and everything that this browser stores. */
export async function showModels(handlers: ModelListHandlers): Promise<void> {
  const { storage, embedded } = handlers;
  const stored = await storage.list();
  const kept = stored.find(({ id }) => id === embedded);
  list.replaceChildren(
    embeddedItem(kept, handlers),
    ...stored.filter((model) => model !== kept).map((model) => storedItem(model, handlers)),
  );
  for (const each of list.children) {
    const isCurrent = (each as HTMLElement).dataset.model === handlers.current();
    each.ariaCurrent = isCurrent ? 'true' : null;
    const use = each.querySelector<HTMLButtonElement>('.use');
    if (use === null) continue;
    use.disabled = isCurrent;
    use.textContent = isCurrent ? 'In use' : 'Use this model';
  }
  // Browsers count what was just stored or deleted late, so this is the sum of what is listed.
  const bytes = stored.reduce((sum, model) => sum + model.bytes, 0);
  const { usage, quota } = await storage.estimate();
  element('storage', HTMLParagraphElement).textContent =
    `Models take ${formatBytes(bytes)} here; the browser offers this page ${formatBytes(Math.max(0, quota - Math.max(usage, bytes)))} more.`;
}

/** Moves the focus to the button that uses this model. */
export function offerToUse(url: string): void {
  rowOf(url)?.querySelector<HTMLButtonElement>('.use')?.focus();
}

/** @param kept what this browser stores of it */
function embeddedItem(kept: StoredModel | undefined, handlers: ModelListHandlers): HTMLLIElement {
  const { embedded, current } = handlers;
  const buttons = [useButton(handlers, embedded, 'the embedded model')];
  // A model in use cannot be deleted, and this one is what the page falls back to.
  if (kept !== undefined && current() !== embedded) {
    buttons.push(deleteButton(kept, 'the kept files of the embedded model', handlers));
  }
  const about = kept === undefined ? '' : `, ${formatBytes(kept.bytes)} of it kept in this browser`;
  return item('The embedded model', `Comes with this page${about}`, buttons, embedded);
}

function storedItem(model: StoredModel, handlers: ModelListHandlers): HTMLLIElement {
  const { id, kind, url, bytes, state } = model;
  const title = state === 'complete' && model.name !== id ? `${model.name} (${id})` : id;
  const remove = deleteButton(model, title, handlers);
  const size = formatBytes(bytes);
  if (state === 'unreadable') {
    return item(title, `Cannot be used, ${size}: ${model.error.message}. It can only be deleted.`, [remove], url);
  }
  if (kind === 'kept') return item(title, `Kept by another page of this site, ${size}`, [remove], url);
  if (state === 'complete') return item(title, size, [useButton(handlers, url, title), remove], url);
  return unfinishedItem(model, remove, handlers);
}

function unfinishedItem(
  { id, url, bytes }: UnfinishedModel,
  remove: HTMLButtonElement,
  handlers: ModelListHandlers,
): HTMLLIElement {
  const setup = recall(id);
  const what =
    setup === undefined ? '' : ` It was ${setup.names.join(', ')}, stored as ${WEIGHT_CLASSES[setup.dtype].label}.`;
  const how =
    setup?.recipe === undefined
      ? 'Choose the same files or URLs and the same settings, and the import continues where it stopped, also after a reload.'
      : 'It can go on where it stopped, also after a reload.';
  const about = `Not finished, ${formatBytes(bytes)} kept. ${how}${what}`;
  const proceed = button('Continue', () => handlers.continueImport(id, setup), `Continue with ${id}`);
  return item(id, about, [proceed, remove], url);
}

function item(title: string, about: string, buttons: HTMLButtonElement[], model: string): HTMLLIElement {
  const item = row(title, about, ...buttons);
  item.dataset.model = model;
  return item;
}

function useButton(handlers: ModelListHandlers, model: string, title: string): HTMLButtonElement {
  const use = button('Use this model', () => void useModel(handlers, model));
  return Object.assign(use, { className: 'use', title });
}

/** Opens the model. Where that fails, its row says why, in view and with the focus. */
export async function useModel(handlers: ModelListHandlers, url: string): Promise<void> {
  try {
    await handlers.use(url);
    await showModels(handlers);
  } catch (cause) {
    await showModels(handlers);
    const row = rowOf(url);
    if (row === undefined) return handlers.onError(cause);
    const error = make('p', { className: 'error', role: 'alert' });
    row.append(error);
    showError(error, cause, nextStep(cause));
    offerToUse(url);
    row.scrollIntoView({ block: 'nearest' });
  }
}

function rowOf(url: string): Element | undefined {
  return [...list.children].find((each) => (each as HTMLElement).dataset.model === url);
}

function deleteButton(model: StoredModel, title: string, handlers: ModelListHandlers): HTMLButtonElement {
  return button('Delete…', () => void askAndRemove(model, title, handlers), `Delete ${title}`);
}

async function askAndRemove(model: StoredModel, title: string, handlers: ModelListHandlers): Promise<void> {
  const question = `Delete ${title}, ${formatBytes(model.bytes)}? To use it again, it must be ${model.kind === 'kept' ? 'fetched' : 'imported'} again.`;
  if (!(await ask(question, 'Keep it', 'Delete it'))) return;
  try {
    // A model that is loaded cannot be removed.
    if (handlers.current() === model.url) await handlers.use(handlers.embedded);
    await handlers.storage.remove(model.id);
    forget(model.id);
    await showModels(handlers);
    status.textContent = `Deleted: ${title}.`;
    element('models-title', HTMLHeadingElement).focus();
  } catch (cause) {
    handlers.onError(cause);
  }
}
