import { createFluxSrpo, type FluxSrpo, type LoadedModel } from 'flux-srpo';
import { BACKEND, EMBEDDED, modelOfAddress, showInAddress } from './address.ts';
import { element, showLines } from './elements.ts';
import { closeForm, listen, offer, readRequest, setRunning } from './form.ts';
import { listenToImports } from './models/import-panel.ts';
import { type ModelListHandlers, offerToUse, showModels } from './models/model-list.ts';
import { listenToRecipes } from './models/recipe-panel.ts';
import { clearPicture, discardPreview, showPicture, showPreview } from './picture-view.ts';
import * as progress from './progress-view.ts';
import { showError } from './show-error.ts';

const error = element('error', HTMLParagraphElement);
const about = element('about', HTMLParagraphElement);
const warnings = element('warnings', HTMLDivElement);

/** The client that the page generates with, and its model once that is loaded. */
interface Opened {
  address: string;
  flux: FluxSrpo;
  model?: LoadedModel;
}
let opened = openClient(modelOfAddress());
let run: AbortController | undefined;

function openClient(address: string): Opened {
  // The embedded model is small enough for a CPU.
  const flux = createFluxSrpo({ model: address, backend: BACKEND, allowWasm: address === EMBEDDED });
  return { address, flux };
}

/**
 * Makes the page generate with the model at that address instead of the present one. Rejects where
 * it cannot be opened; then the present one stays.
 */
async function use(address: string): Promise<void> {
  run?.abort();
  closeForm();
  const before = opened;
  const next = openClient(address);
  opened = next;
  try {
    await load();
  } catch (cause) {
    await next.flux.dispose();
    // The user may have chosen yet another model meanwhile.
    if (opened === next) {
      opened = before;
      if (before.model !== undefined) show(before.model);
    }
    throw cause;
  }
  if (opened !== next) return;
  // Disposing the client revokes the URL of the picture.
  clearPicture();
  showLines(warnings, []);
  showInAddress(address);
  await before.flux.dispose();
}

async function load(): Promise<void> {
  const now = opened;
  error.hidden = true;
  about.textContent = 'Opening the model…';
  try {
    const model = await now.flux.load({
      onProgress: ({ text }) => {
        if (now === opened) about.textContent = `Opening the model… ${text}`;
      },
    });
    // The user may have chosen another model meanwhile.
    if (now !== opened) return;
    now.model = model;
    show(model);
  } catch (cause) {
    if (now === opened) about.textContent = 'The model could not be opened.';
    throw cause;
  }
}

function show(model: LoadedModel): void {
  describe(model);
  offer(model);
}

async function generate(): Promise<void> {
  const { flux, model } = opened;
  if (run !== undefined || model === undefined) return;
  run = new AbortController();
  const { signal } = run;
  setRunning(true);
  error.hidden = true;
  showLines(warnings, []);
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
    showLines(
      warnings,
      response.warnings.map(({ field, reason }) => `${field}: ${reason}`),
    );
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
  const by =
    model.backend === 'webgpu' ? 'Computed by WebGPU.' : `Computed by WebAssembly on the CPU, which is slow${why}.`;
  const again = model.notKept === undefined ? '' : ` The next visit fetches it again: ${model.notKept.message}.`;
  element('backend', HTMLParagraphElement).textContent = by + again;
  const { id, notice } = model.licence;
  element('licence', HTMLParagraphElement).textContent = `Weights: ${id}${notice === undefined ? '' : `. ${notice}`}`;
}

listen({ onGenerate: () => void generate(), onCancel: () => run?.abort() });

// What may compute an imported model is another thing than what may compute the embedded one.
const { storage } = createFluxSrpo({ model: EMBEDDED, backend: BACKEND });
const modelsError = element('models-error', HTMLParagraphElement);
const onModelsError = (cause: unknown) => showError(modelsError, cause);
const models: ModelListHandlers = {
  storage,
  current: () => opened.address,
  embedded: EMBEDDED,
  use,
  continueImport(id, setup) {
    if (setup?.recipe === undefined) continueImport(id, setup);
    else continueRecipe(id, setup.recipe);
  },
  onError: onModelsError,
};
const refresh = () => {
  modelsError.hidden = true;
  return showModels(models).catch(onModelsError);
};
const continueImport = listenToImports({ storage, onChange: refresh, offerToUse });
/** Shows what the load has stored. Waits for the next refresh where the list has the focus. */
const refreshAfterLoad = () => (document.activeElement?.closest('#model-list') ? undefined : refresh());
const loading = load().then(refreshAfterLoad, (cause) => showError(error, cause));
const continueRecipe = await listenToRecipes({
  storage,
  onChange: refresh,
  async open({ url }) {
    try {
      await use(url);
      element('prompt', HTMLTextAreaElement).focus();
    } catch (cause) {
      onModelsError(cause);
    }
    await showModels(models).catch(onModelsError);
  },
});
await Promise.all([loading, refresh()]);
