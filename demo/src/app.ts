import type { ModelStorage } from 'flux-srpo';
import { randomSeed } from 'flux-srpo/wire';
import type { Actions } from './actions.ts';
import { modelOfAddress } from './address.ts';
import { ask } from './ask.ts';
import { startClock } from './clock.ts';
import { createModels } from './models/models.ts';
import { createOpener } from './opener.ts';
import { createGallery } from './pictures/gallery.ts';
import { fileName } from './pictures/picture.ts';
import { reportOf } from './report.ts';
import { formOf } from './request.ts';
import { createRunner } from './runner.ts';
import { toHash } from './settings-hash.ts';
import type { Store } from './store.ts';
import { words } from './words.ts';

/** Puts the parts together: what opens models, what runs, what is kept. */
export function createApp(store: Store, storage: ModelStorage) {
  const gallery = createGallery(store);
  const opener = createOpener(store, () => runner.stop());
  const runner = createRunner(store, opener.current, gallery.add);
  const models = createModels(store, storage, opener);
  startClock(store, runner.tick);

  /** Prompts leave only for a server that the person has agreed to, this visit. */
  let agreed: string | undefined;
  async function mayDraw(): Promise<boolean> {
    const { host } = store.state;
    if (host === undefined || host === agreed) return true;
    if (await ask(words.server.ask(host), words.server.no, words.server.yes)) agreed = host;
    return host === agreed;
  }
  async function draw(): Promise<void> {
    if (await mayDraw()) runner.draw();
  }

  const say = (text: string) => store.set({ outcome: { ...store.state.outcome, text }, announcement: text });

  const actions: Actions = {
    edit: (change) => store.set({ form: { ...store.state.form, ...change } }),
    lockSeed() {
      const seed = store.state.shown[0]?.request.seed ?? randomSeed();
      actions.edit({ seed: String(seed) });
    },
    draw: () => void draw(),
    cancel(id) {
      if (store.state.stage.at === 'opening') opener.cancel();
      else runner.cancel(id);
    },
    // What went wrong, the page shows.
    open: (address) => void opener.openLocal(address).catch(() => undefined),
    models: models.actions,
    editServer: (change) => store.set({ server: { ...store.state.server, ...change } }),
    useServer() {
      store.set({ serverError: undefined });
      opener.openServer(store.state.server).catch((serverError: unknown) => store.set({ serverError }));
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
    keepNew: gallery.keepNew,
    restore: (file) => void gallery.restore(file),
    speak: (language) => store.set({ language }),
    copyText: (text) => void navigator.clipboard.writeText(text).then(() => say(words.tools.copied)),
    copyLink(withPrompt) {
      const url = new URL(location.href);
      const [picture] = store.state.shown;
      url.hash = toHash(picture === undefined ? store.state.form : formOf(picture.request), withPrompt);
      actions.copyText(url.href);
    },
  };

  return {
    actions,
    /** Opens the first model, and shows what earlier visits kept. */
    async start(): Promise<void> {
      const opening = opener.openLocal(modelOfAddress());
      await Promise.all([gallery.load(), models.load(opening)]);
    },
  };
}
