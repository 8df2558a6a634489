import { createFluxSrpo, type FluxSrpo, type LoadedModel } from 'flux-srpo';
import { element } from './elements.ts';
import { closeForm, listen, offer, readRequest, setRunning } from './form.ts';
import { continueImport, listenToImports } from './models/import-panel.ts';
import { type ModelListHandlers, offerToUse, showModels } from './models/model-list.ts';
import { clearPicture, discardPreview, showPicture, showPreview } from './picture-view.ts';
import * as progress from './progress-view.ts';
import { showError } from './show-error.ts';

const EMBEDDED = new URL('./models/tiny/', document.baseURI).href;
/** `?backend=wasm|webgpu` chooses what computes, `?model=opfs:<id>` an imported model. */
const query = new URLSearchParams(location.search);
const backend = query.get('backend');

const error = element('error', HTMLParagraphElement);
const about = element('about', HTMLParagraphElement);

/** The client that the page generates with, and its model once that is loaded. */
interface Opened {
  address: string;
  flux: FluxSrpo;
  model?: LoadedModel;
}
let opened = openClient(/^opfs:[\w.-]{1,64}$/.test(query.get('model') ?? '') ? query.get('model')! : EMBEDDED);
let run: AbortController | undefined;

function openClient(address: string): Opened {
  const flux = createFluxSrpo({
    model: address,
    backend: backend === 'wasm' || backend === 'webgpu' ? backend : 'auto',
    // The embedded model is small enough for a CPU.
    allowWasm: address === EMBEDDED,
  });
  return { address, flux };
}

/** Makes the page generate with the model at that address instead of the present one. */
async function use(address: string): Promise<void> {
  run?.abort();
  closeForm();
  // Disposing the client revokes the URL of the picture.
  clearPicture();
  await opened.flux.dispose();
  opened = openClient(address);
  const url = new URL(location.href);
  if (address === EMBEDDED) url.searchParams.delete('model');
  else url.searchParams.set('model', address);
  history.replaceState(null, '', url);
  await load();
}

async function load(): Promise<void> {
  const now = opened;
  error.hidden = true;
  about.textContent = 'Opening the model…';
  try {
    const model = await now.flux.load();
    // The user may have chosen another model meanwhile.
    if (now !== opened) return;
    now.model = model;
    describe(model);
    offer(model);
  } catch (cause) {
    if (now !== opened) return;
    about.textContent = 'The model could not be opened.';
    showError(error, cause);
  }
}

async function generate(): Promise<void> {
  const { flux, model } = opened;
  if (run !== undefined || model === undefined) return;
  run = new AbortController();
  const { signal } = run;
  setRunning(true);
  error.hidden = true;
  progress.start();
  try {
    const request = readRequest(model);
    const response = await flux.images.generate(request, {
      signal,
      onProgress: progress.update,
      onPartialImage: showPreview,
    });
    const url = response.data[0]?.url ?? '';
    // The client made the URL, so the client frees it.
    flux.revokeImageUrl(await showPicture(url, request.prompt, `flux-srpo-${response.seed}.png`));
    progress.finish(`Done in ${progress.elapsed()}, seed ${response.seed}`);
  } catch (cause) {
    discardPreview();
    progress.finish(signal.aborted ? 'Cancelled' : '');
    if (!signal.aborted) showError(error, cause);
  } finally {
    run = undefined;
    if (opened.model !== undefined) setRunning(false);
  }
}

function describe(model: LoadedModel): void {
  about.textContent = `${model.name}. The model runs on this machine: neither prompt nor picture leaves the tab.`;
  const why = model.fallback === undefined ? '' : ` (no WebGPU here: ${model.fallback.message})`;
  element('backend', HTMLParagraphElement).textContent =
    model.backend === 'webgpu' ? 'Computed by WebGPU.' : `Computed by WebAssembly on the CPU, which is slow${why}.`;
  const { id, notice } = model.licence;
  element('licence', HTMLParagraphElement).textContent = `Weights: ${id}${notice === undefined ? '' : `. ${notice}`}`;
}

listen({ onGenerate: () => void generate(), onCancel: () => run?.abort() });

const { storage } = opened.flux;
const modelsError = element('models-error', HTMLParagraphElement);
const onModelsError = (cause: unknown) => showError(modelsError, cause);
const models: ModelListHandlers = {
  storage,
  current: () => opened.address,
  embedded: EMBEDDED,
  use,
  continueImport,
  onError: onModelsError,
};
const refresh = () => {
  modelsError.hidden = true;
  return showModels(models).catch(onModelsError);
};
listenToImports({ storage, onChange: refresh, offerToUse });
/** Shows what the load has stored. Waits for the next refresh where the list has the focus. */
const refreshAfterLoad = () => (document.activeElement?.closest('#model-list') ? undefined : refresh());
await Promise.all([load().then(refreshAfterLoad), refresh()]);
