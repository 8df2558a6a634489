import type { FluxSrpo, LoadedModel, ModelFolder, ProbeReport } from 'flux-srpo';
import { EMBEDDED, showInAddress } from './address.ts';
import { keepBackend } from './offline.ts';
import { advance, startProgress } from './run-progress.ts';
import type { ServerSettings } from './server.ts';
import { localSource, type Source, serverSource } from './source.ts';
import type { Store } from './store.ts';
import { words } from './words.ts';

interface Opened extends Source {
  flux: FluxSrpo;
  model: LoadedModel;
}

/** Opens what draws. @param stopRuns ends what the present one draws */
export function createOpener(store: Store, stopRuns: () => void) {
  let opened: Opened | undefined;

  /**
   * Opens it, then draws with it in place of the present one. Rejects where it cannot be opened;
   * then the present one stays.
   */
  async function open(source: Source): Promise<void> {
    const { address, host } = source;
    stopRuns();
    if (store.state.stage.at === 'opening') store.state.stage.cancel.abort();
    const before = opened;
    const cancel = new AbortController();
    const { signal } = cancel;
    let progress = startProgress(words.opening, performance.now());
    const show = (set: Store['set'] = store.set) => {
      if (signal.aborted) return;
      const kept = before === undefined ? {} : { before: before.model };
      set({ stage: { at: 'opening', address, progress, cancel, ...kept } });
    };
    show();
    const flux = source.create();
    // Before a first model is there, the page says whether it can draw here. What was found of one
    // that cannot be opened says nothing of the present one.
    let probe: ProbeReport | undefined;
    const hear = (found: ProbeReport) => {
      probe = found;
      if (before === undefined || opened?.flux === flux) store.set({ probe });
    };
    // What goes wrong with it, loading says.
    if (host === undefined) flux.probe({ signal }).then(hear, () => undefined);
    const isLatest = () => store.state.stage.at === 'opening' && store.state.stage.cancel === cancel;
    try {
      const model = await flux.load({
        signal,
        onProgress: (event) => {
          progress = advance(progress, event, performance.now());
          show(store.setSoon);
        },
      });
      signal.throwIfAborted();
      opened = { ...source, flux, model };
      store.set({
        stage: { at: 'ready', model },
        address,
        host,
        ...(probe && { probe }),
        outcome: { text: '', notes: [] },
      });
      if (host === undefined) showInAddress(address);
      void keepBackend(model.backend);
      await before?.flux.dispose();
    } catch (error) {
      if (isLatest()) {
        if (before !== undefined) store.set({ stage: { at: 'ready', model: before.model } });
        else store.set({ stage: { at: 'failed', address, error } });
      }
      await flux.dispose();
      throw error;
    }
  }

  return {
    /** What draws. To be asked for only where the stage says that something does. */
    current: () => opened!,
    openLocal: (address: string, folder?: ModelFolder) => open(localSource(address, folder)),
    openServer: (settings: ServerSettings) => open(serverSource(settings)),
    cancel(): void {
      const { stage } = store.state;
      if (stage.at === 'opening') stage.cancel.abort(new DOMException(words.errors.openingCancelled, 'AbortError'));
    },
    /** Gives the model back, so that it can be deleted. The page then says what happened. */
    async close(): Promise<void> {
      stopRuns();
      await opened?.flux.dispose();
      opened = undefined;
      const error = new Error(words.models.cleared);
      store.set({ stage: { at: 'failed', address: EMBEDDED, error }, address: undefined, host: undefined });
    },
  };
}
