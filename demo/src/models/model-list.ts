import type { ModelStorage, StoredModel } from 'flux-srpo';
import { element } from '../elements.ts';
import { formatBytes } from '../units.ts';
import { forget, type RememberedImport, recall } from './remembered.ts';
import { WEIGHT_CLASSES } from './weight-classes.ts';

export interface ModelListHandlers {
  storage: ModelStorage;
  /** The model that the page uses now: the embedded one's URL or `opfs:<id>`. */
  current: () => string;
  embedded: string;
  use: (model: string) => Promise<void>;
  /** The user wants to go on with an interrupted import. */
  goOn: (id: string, setup: RememberedImport | undefined) => void;
  onError: (cause: unknown) => void;
}

const list = element('model-list', HTMLUListElement);
const status = element('models-status', HTMLParagraphElement);
const dialog = element('delete-dialog', HTMLDialogElement);

/** Shows what there is to use. */
export async function showModels(handlers: ModelListHandlers): Promise<void> {
  const { storage, embedded } = handlers;
  const stored = await storage.list();
  list.replaceChildren(
    item('The embedded model', 'Comes with this page', [useButton(handlers, embedded, 'the embedded model')], embedded),
    ...stored.map((model) => storedItem(model, handlers)),
  );
  for (const each of list.children) {
    const isCurrent = (each as HTMLElement).dataset.model === handlers.current();
    each.ariaCurrent = isCurrent ? 'true' : null;
    const use = each.querySelector<HTMLButtonElement>('.use');
    if (use === null) continue;
    use.disabled = isCurrent;
    use.textContent = isCurrent ? 'In use' : 'Use this model';
  }
  const { usage, quota } = await storage.estimate();
  element('storage', HTMLParagraphElement).textContent =
    `This page stores ${formatBytes(usage)}; the browser offers ${formatBytes(Math.max(0, quota - usage))} more.`;
}

/** Puts the focus on the button that takes a model into use. */
export function offerToUse(url: string): void {
  const row = [...list.children].find((each) => (each as HTMLElement).dataset.model === url);
  row?.querySelector<HTMLButtonElement>('.use')?.focus();
}

function storedItem(model: StoredModel, handlers: ModelListHandlers): HTMLLIElement {
  const { id, url, bytes, state, name } = model;
  const title = name === undefined ? id : `${name} (${id})`;
  const remove = button('Delete…', `Delete ${title}`, () => void askAndRemove(model, title, handlers));
  if (state === 'complete') return item(title, formatBytes(bytes), [useButton(handlers, url, title), remove], url);
  const setup = recall(id);
  const what =
    setup === undefined ? '' : ` It was ${setup.names.join(', ')}, stored as ${WEIGHT_CLASSES[setup.dtype].label}.`;
  const about = `Not finished, ${formatBytes(bytes)} of it kept. Choose the same files or URLs and the same settings, and the import goes on where it stopped, also after a reload.${what}`;
  return item(title, about, [button('Go on', `Go on with ${title}`, () => handlers.goOn(id, setup)), remove], url);
}

function item(title: string, about: string, buttons: HTMLButtonElement[], model: string): HTMLLIElement {
  const item = document.createElement('li');
  item.dataset.model = model;
  const text = document.createElement('div');
  text.className = 'about';
  const name = document.createElement('div');
  name.textContent = title;
  const detail = document.createElement('div');
  detail.className = 'quiet';
  detail.textContent = about;
  text.append(name, detail);
  item.append(text, ...buttons);
  return item;
}

function useButton(handlers: ModelListHandlers, model: string, title: string): HTMLButtonElement {
  const use = button('Use this model', '', () => {
    handlers.use(model).then(() => showModels(handlers), handlers.onError);
  });
  use.className = 'use';
  use.title = title;
  return use;
}

/** @param label for who cannot see which row the button is in; empty where the text says it */
function button(text: string, label: string, onClick: () => void): HTMLButtonElement {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = text;
  if (label !== '') made.setAttribute('aria-label', label);
  made.addEventListener('click', onClick);
  return made;
}

async function askAndRemove(model: StoredModel, title: string, handlers: ModelListHandlers): Promise<void> {
  element('delete-question', HTMLParagraphElement).textContent =
    `Delete ${title}, ${formatBytes(model.bytes)}? It would have to be imported again.`;
  dialog.returnValue = 'keep';
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }));
  if (dialog.returnValue !== 'delete') return;
  try {
    // A model that is loaded cannot be removed.
    if (handlers.current() === model.url) await handlers.use(handlers.embedded);
    await handlers.storage.remove(model.id);
    forget(model.id);
    await showModels(handlers);
    status.textContent = `${title} is deleted.`;
    element('models-title', HTMLHeadingElement).focus();
  } catch (cause) {
    handlers.onError(cause);
  }
}
