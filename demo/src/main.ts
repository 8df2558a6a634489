import { createFluxSrpo } from 'flux-srpo';
import { html, render } from 'lit-html';
import { BACKEND, EMBEDDED, modelOfAddress } from './address.ts';
import { createApp } from './app.ts';
import { listenToDrops } from './drops.ts';
import { element } from './elements.ts';
import { listenToKeys } from './keys.ts';
import { connectModels } from './models/connect-models.ts';
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
import { serverView } from './views/server.ts';

/** The page: one state, one render, and what changes the state. */

const places = {
  header: element('header', HTMLDivElement),
  maker: element('maker', HTMLElement),
  gallery: element('gallery', HTMLElement),
  server: element('server-panel', HTMLDetailsElement),
  diagnostics: element('diagnostics', HTMLDetailsElement),
  footer: element('foot', HTMLDivElement),
};

function show(state: State): void {
  render(headerView(state, app.actions), places.header);
  render(html`${formView(state, app.actions)}${frameView(state, app.actions)}`, places.maker);
  render(serverView(state, app.actions), places.server);
  render(diagnosticsView(state, app.actions), places.diagnostics);
  render(galleryView(state, app.actions), places.gallery);
  render(footerView(state), places.footer);
  keepFocus();
  showInTab(state);
}

/** A button that had the focus and is gone gives it to the one that goes on. */
function keepFocus(): void {
  const { activeElement } = document;
  if (activeElement instanceof HTMLElement && activeElement.id === 'cancel' && activeElement.hidden) {
    document.querySelector<HTMLElement>('#generate')?.focus();
  }
}

const store = createStore(
  {
    stage: { at: 'failed', address: modelOfAddress(), error: undefined },
    form: { ...EMPTY_FORM, ...fromHash(location.hash) },
    shown: [],
    gallery: { pictures: [], isKept: true },
    language: 'library',
    server: NO_SERVER,
    outcome: { text: '', notes: [] },
    announcement: '',
  },
  show,
);
const app = createApp(store);
listenToKeys(app.actions);
void keepForOffline();
listenToDrops(app.actions);

// What may compute an imported model is another thing than what may compute the embedded one.
const { storage } = createFluxSrpo({ model: EMBEDDED, backend: BACKEND });
const opening = app.open(modelOfAddress());
void app.loadGallery();
await connectModels(app, storage, opening);
