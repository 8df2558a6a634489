import { createFluxSrpo } from 'flux-srpo';
import { html, render, type TemplateResult } from 'lit-html';
import type { Actions } from './actions.ts';
import { BACKEND, EMBEDDED, modelOfAddress } from './address.ts';
import { createApp } from './app.ts';
import { listenToDrops } from './drops.ts';
import { element } from './elements.ts';
import { listenToKeys } from './keys.ts';
import { NO_MODELS } from './models/models-state.ts';
import { keepForOffline } from './offline.ts';
import { NO_SERVER } from './server.ts';
import { fromHash } from './settings-hash.ts';
import { EMPTY_FORM, type State } from './state.ts';
import { createStore } from './store.ts';
import { showInTab } from './tab.ts';
import { diagnosticsView } from './views/diagnostics.ts';
import { footerView } from './views/footer.ts';
import { formView } from './views/form.ts';
import { frameView } from './views/frame.ts';
import { galleryView } from './views/gallery.ts';
import { headerView } from './views/header.ts';
import { modelsView } from './views/models.ts';
import { ownModelView } from './views/own-model.ts';
import { recipeView } from './views/recipe.ts';
import { serverView } from './views/server.ts';

/** The page: one state, one render, and what changes the state. */

/** What is shown where, from the top to the bottom. */
const parts: readonly [HTMLElement, (state: State, actions: Actions) => TemplateResult][] = [
  [element('header', HTMLDivElement), headerView],
  [element('maker', HTMLElement), makerView],
  [element('gallery', HTMLElement), galleryView],
  [element('model-rows', HTMLDivElement), modelsView],
  [element('recipe-panel', HTMLDetailsElement), recipeView],
  [element('import-panel', HTMLDetailsElement), ownModelView],
  [element('server-panel', HTMLDetailsElement), serverView],
  [element('diagnostics', HTMLDetailsElement), diagnosticsView],
  [element('foot', HTMLDivElement), footerView],
];
/** How many parts are there yet. */
let built = 2;

const nextTask = () => new Promise((resolve) => setTimeout(resolve));

function makerView(state: State, actions: Actions): TemplateResult {
  return html`${formView(state, actions)}${frameView(state, actions)}`;
}

function show(state: State): void {
  const { activeElement } = document;
  for (const [place, view] of parts.slice(0, built)) render(view(state, app.actions), place);
  passFocus(activeElement);
  showInTab(state);
}

/** Makes the other parts, each in a task of its own, so that the page answers meanwhile. */
async function build(): Promise<void> {
  for (const [place, view] of parts.slice(built)) {
    await nextTask();
    render(view(store.state, app.actions), place);
    built++;
  }
}

/** What had the focus and cannot keep it gives it to the first of `data-then` that can have it. */
function passFocus(from: Element | null): void {
  if (!(from instanceof HTMLElement) || canHaveFocus(from)) return;
  const next = from.dataset.then?.split(' ').map((id) => document.getElementById(id));
  next?.find((each) => each !== null && canHaveFocus(each))?.focus();
}

function canHaveFocus(element: HTMLElement): boolean {
  return element.isConnected && !element.hidden && !element.matches(':disabled');
}

const store = createStore(
  {
    stage: { at: 'failed', address: modelOfAddress(), error: undefined },
    form: { ...EMPTY_FORM, ...fromHash(location.hash) },
    shown: [],
    gallery: { pictures: [], isKept: true },
    models: NO_MODELS,
    language: 'library',
    server: NO_SERVER,
    outcome: { text: '', notes: [] },
    announcement: '',
  },
  show,
);
// What may compute an imported model is another thing than what may compute the embedded one.
const { storage } = createFluxSrpo({ model: EMBEDDED, backend: BACKEND });
const app = createApp(store, storage);
listenToKeys(app.actions);
listenToDrops(app.actions);

async function start(): Promise<void> {
  // Reading the modules was a task of its own.
  await nextTask();
  void app.start();
  await build();
  await keepForOffline();
}
void start();
