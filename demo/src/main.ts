import { createFluxSrpo, isFluxError, type LoadedModel } from 'flux-srpo';
import { element } from './elements.ts';
import { listen, offer, readRequest, setRunning } from './form.ts';
import { discardPreview, showPicture, showPreview } from './picture-view.ts';
import * as progress from './progress-view.ts';

/** `?backend=wasm` or `?backend=webgpu` asks for one. */
const asked = new URLSearchParams(location.search).get('backend');
const flux = createFluxSrpo({
  model: './models/tiny/',
  backend: asked === 'wasm' || asked === 'webgpu' ? asked : 'auto',
  // The embedded model is small enough for a CPU.
  allowWasm: true,
});

const error = element('error', HTMLParagraphElement);
let run: AbortController | undefined;

async function generate(model: LoadedModel): Promise<void> {
  if (run !== undefined) return;
  run = new AbortController();
  setRunning(true);
  error.hidden = true;
  progress.start();
  try {
    const request = readRequest(model);
    const response = await flux.images.generate(request, {
      signal: run.signal,
      onProgress: progress.update,
      onPartialImage: showPreview,
    });
    const url = response.data[0]?.url ?? '';
    await showPicture(url, request.prompt, `flux-srpo-${response.seed}.png`);
    progress.finish(`Done in ${progress.elapsed()}, seed ${response.seed}`);
  } catch (cause) {
    discardPreview();
    progress.finish(run.signal.aborted ? 'Cancelled' : '');
    if (!run.signal.aborted) showError(cause);
  } finally {
    run = undefined;
    setRunning(false);
  }
}

function describe(model: LoadedModel): void {
  element('about', HTMLParagraphElement).textContent =
    `${model.name}. The model runs on this machine: neither prompt nor picture leaves the tab.`;
  const why = model.fallback === undefined ? '' : ` (no WebGPU here: ${model.fallback.message})`;
  element('backend', HTMLParagraphElement).textContent =
    model.backend === 'webgpu' ? 'Computed by WebGPU.' : `Computed by WebAssembly on the CPU, which is slow${why}.`;
  const { id, notice } = model.licence;
  element('licence', HTMLParagraphElement).textContent = `Weights: ${id}${notice === undefined ? '' : `. ${notice}`}`;
}

function showError(cause: unknown): void {
  const message = cause instanceof Error ? cause.message : String(cause);
  error.textContent = isFluxError(cause) ? `${message} (${cause.code})` : message;
  error.hidden = false;
}

try {
  const model = await flux.load();
  describe(model);
  offer(model);
  listen({ onGenerate: () => void generate(model), onCancel: () => run?.abort() });
} catch (cause) {
  element('about', HTMLParagraphElement).textContent = 'The model could not be opened.';
  showError(cause);
}
