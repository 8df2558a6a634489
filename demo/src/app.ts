import type { FluxSrpo, LoadedModel, ModelFolder, ModelStorage, ProbeReport } from 'flux-srpo';
import { randomSeed } from 'flux-srpo/wire';
import type { Actions } from './actions.ts';
import { EMBEDDED, modelOfAddress, showInAddress } from './address.ts';
import { ask } from './ask.ts';
import { createModels } from './models/models.ts';
import { keepBackend } from './offline.ts';
import { createGallery } from './pictures/gallery.ts';
import { fileName } from './pictures/picture.ts';
import { reportOf } from './report.ts';
import { formOf } from './request.ts';
import { advance, startProgress } from './run-progress.ts';
import { createRunner } from './runner.ts';
import { toHash } from './settings-hash.ts';
import { localSource, type Source, serverSource } from './source.ts';
import type { Store } from './store.ts';
import { words } from './words.ts';

interface Opened extends Source {
  flux: FluxSrpo;
  model: LoadedModel;
}

export function createApp(store: Store, storage: ModelStorage) {
  let opened: Opened | undefined;
  const gallery = createGallery(store);
  const runner = createRunner(store, () => opened!, gallery.add);

  /**
   * Opens it, then draws with it in place of the present one. Rejects where it cannot be opened;
   * then the present one stays.
   */
  async function openSource(source: Source): Promise<void> {
    const { address, host } = source;
    runner.stop();
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
    if (host === undefined) flux.probe({ signal }).then(hear, ignore);
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

  const open = (address: string, folder?: ModelFolder) => openSource(localSource(address, folder));
  /** Gives the model back, so that it can be deleted. The page then says what happened. */
  async function close(): Promise<void> {
    runner.stop();
    await opened?.flux.dispose();
    opened = undefined;
    store.set({
      stage: { at: 'failed', address: EMBEDDED, error: new Error(words.models.cleared) },
      address: undefined,
    });
  }
  const models = createModels(store, storage, open, close);

  /** Prompts leave only for a server that the person has agreed to, this visit. */
  let agreed: string | undefined;
  async function mayDraw(): Promise<boolean> {
    const host = opened?.host;
    if (host === undefined || host === agreed) return true;
    if (await ask(words.server.ask(host), words.server.no, words.server.yes)) agreed = host;
    return host === agreed;
  }
  async function draw(): Promise<void> {
    if (await mayDraw()) runner.draw();
  }

  let announced = 0;
  const announce = (now: number): void => {
    const { stage } = store.state;
    if (stage.at === 'ready' || stage.at === 'failed' || now - announced < ANNOUNCE_MS) return;
    announced = now;
    store.set({ announcement: (stage.at === 'opening' ? stage : stage.jobs[0]).progress.text });
  };

  // Text changes each second, also while nothing arrives.
  setInterval(() => {
    const { stage } = store.state;
    const now = performance.now();
    if (stage.at === 'opening') store.set({ stage: { ...stage, progress: { ...stage.progress, now } } });
    if (stage.at === 'running') runner.tick(now);
    announce(now);
  }, 1000);

  const say = (text: string) => store.set({ outcome: { ...store.state.outcome, text }, announcement: text });

  const actions: Actions = {
    edit: (change) => store.set({ form: { ...store.state.form, ...change } }),
    lockSeed() {
      const seed = store.state.shown[0]?.request.seed ?? randomSeed();
      store.set({ form: { ...store.state.form, seed: String(seed) } });
    },
    draw: () => void draw(),
    cancel(id) {
      if (store.state.stage.at === 'opening') actions.cancelOpening();
      else runner.cancel(id);
    },
    cancelOpening() {
      const { stage } = store.state;
      if (stage.at === 'opening') stage.cancel.abort(new DOMException(words.errors.openingCancelled, 'AbortError'));
    },
    // What went wrong, the page shows.
    open: (address) => void open(address).catch(ignore),
    models: models.actions,
    editServer: (change) => store.set({ server: { ...store.state.server, ...change } }),
    useServer() {
      store.set({ serverError: undefined });
      openSource(serverSource(store.state.server)).catch((serverError) => store.set({ serverError }));
    },
    useHere: () => actions.open(modelOfAddress()),
    toModels() {
      const title = document.querySelector<HTMLElement>('#models-title');
      title?.scrollIntoView({ block: 'start' });
      title?.focus();
    },
    copyReport: () => actions.copyText(reportOf(store.state)),
    askToTell: () => void Notification.requestPermission().then(() => store.set({})),
    choose: gallery.choose,
    compare: gallery.compare,
    reuse: gallery.reuse,
    vary(picture) {
      store.set({ form: { ...formOf(picture.request), n: '1', seed: '' } });
      void draw();
    },
    copy: (picture) => void gallery.copy(picture),
    share: (picture) => void gallery.share(picture, fileName(picture)),
    remove: gallery.remove,
    removeAll: () => void gallery.removeAll(),
    keepNew: (isKept) => void gallery.keepNew(isKept),
    restore: (file) => void gallery.restore(file),
    speak: (language) => store.set({ language }),
    copyText: (text) => void navigator.clipboard.writeText(text).then(() => say(words.tools.copiedCode)),
    copyLink(withPrompt) {
      const url = new URL(location.href);
      const [picture] = store.state.shown;
      url.hash = toHash(picture === undefined ? store.state.form : formOf(picture.request), withPrompt);
      actions.copyText(url.href);
    },
  };

  return {
    open,
    loadGallery: gallery.load,
    loadModels: models.load,
    actions,
  };
}

/** Milliseconds between two announcements to screen readers. */
const ANNOUNCE_MS = 5000;

/** What goes wrong with it, loading says. */
function ignore(): void {}
