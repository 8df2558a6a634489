import { createFluxSrpo } from 'flux-srpo';
import { html, render } from 'lit-html';
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

const places = {
  header: element('header', HTMLDivElement),
  maker: element('maker', HTMLElement),
  gallery: element('gallery', HTMLElement),
  models: element('model-rows', HTMLDivElement),
  recipe: element('recipe-panel', HTMLDetailsElement),
  own: element('import-panel', HTMLDetailsElement),
  server: element('server-panel', HTMLDetailsElement),
  diagnostics: element('diagnostics', HTMLDetailsElement),
  footer: element('foot', HTMLDivElement),
};

function show(state: State): void {
  const { activeElement } = document;
  render(headerView(state, app.actions), places.header);
  render(html`${formView(state, app.actions)}${frameView(state, app.actions)}`, places.maker);
  render(modelsView(state, app.actions), places.models);
  render(recipeView(state, app.actions), places.recipe);
  render(ownModelView(state, app.actions), places.own);
  render(serverView(state, app.actions), places.server);
  render(diagnosticsView(state, app.actions), places.diagnostics);
  render(galleryView(state, app.actions), places.gallery);
  render(footerView(state), places.footer);
  passFocus(activeElement);
  showInTab(state);
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
void keepForOffline();
listenToDrops(app.actions);

const opening = app.open(modelOfAddress());
void app.loadGallery();
await app.loadModels(opening);
