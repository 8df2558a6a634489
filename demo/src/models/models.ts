import { formatBytes, type ModelStorage, type RecipeEntry, type StoredModel } from 'flux-srpo';
import { EMBEDDED } from '../address.ts';
import { ask } from '../ask.ts';
import { element } from '../elements.ts';
import type { createOpener } from '../opener.ts';
import { addressOf } from '../state.ts';
import type { Store } from '../store.ts';
import { words } from '../words.ts';
import { clearRest } from './clear.ts';
import { allowReading, type Folder, filesFolder, forgetFolder, keptFolders, pickFolder } from './folders.ts';
import { createImports } from './imports.ts';
import type { ModelActions } from './model-actions.ts';
import { type Models, takenRoom } from './models-state.ts';
import { forget } from './remembered.ts';

/** The models of this browser, and what can be done with them. */
export function createModels(
  store: Store,
  storage: ModelStorage,
  opener: Pick<ReturnType<typeof createOpener>, 'openLocal' | 'close'>,
) {
  const change = (change: Partial<Models>, set = store.set) => set({ models: { ...store.state.models, ...change } });
  const models = () => store.state.models;

  async function refresh(): Promise<void> {
    try {
      const [stored, room] = await Promise.all([storage.list(), storage.estimate()]);
      change({ stored, room, error: undefined });
    } catch (error) {
      change({ error });
    }
  }

  /** Opens the model. Where that fails, its row says why, in view and with the focus. */
  async function use(url: string): Promise<boolean> {
    change({ refused: undefined });
    const folder = models().folders.find((each) => each.url === url);
    try {
      if (folder !== undefined) await allowReading(folder);
      await opener.openLocal(url, folder?.source);
      await refresh();
      return true;
    } catch (error) {
      await refresh();
      change({ refused: { url, error } });
      offerToUse(url);
      rowOf(url)?.scrollIntoView({ block: 'nearest' });
      return false;
    }
  }

  async function verify({ id }: StoredModel, title: string): Promise<void> {
    if (models().verifying !== undefined) return;
    const cancel = new AbortController();
    change({ verifying: { id, cancel }, text: '' });
    try {
      const { bytes, damaged, isRepairable } = await storage.verify(id, {
        signal: cancel.signal,
        onProgress: ({ text }) => change({ text }, store.setSoon),
      });
      const lost = damaged.reduce((sum, chunk) => sum + chunk.bytes, 0);
      const text =
        damaged.length === 0
          ? words.models.sound(title, formatBytes(bytes))
          : words.models.damaged(title, damaged.length, lost, isRepairable);
      change({ text });
    } catch (error) {
      change({ text: '', ...(!cancel.signal.aborted && { error }) });
    } finally {
      change({ verifying: undefined });
    }
  }

  async function useFolder(folder: Folder | undefined): Promise<void> {
    if (folder === undefined) return;
    change({ folders: [...models().folders.filter(({ url }) => url !== folder.url), folder] });
    await use(folder.url);
  }

  let listing: Promise<readonly RecipeEntry[]> | undefined;
  /** Made when somebody first looks at it: it plans a picture of each, which takes a moment. */
  async function listRecipes(): Promise<readonly RecipeEntry[]> {
    listing ??= storage.recipes();
    const recipes = await listing;
    change({ recipes });
    return recipes;
  }

  async function clear(): Promise<void> {
    const question = words.models.askClear(takenRoom(models().stored), store.state.gallery.pictures.length);
    if (!(await ask(question, words.models.keepIt, words.models.clearIt))) return;
    try {
      await opener.close();
      for (const { id } of await storage.list()) await storage.remove(id);
      await clearRest();
      change({ folders: [], text: words.models.cleared });
      store.set({ shown: [], gallery: { ...store.state.gallery, pictures: [] } });
      await refresh();
      document.querySelector<HTMLElement>('#models-title')?.focus();
    } catch (error) {
      change({ error });
    }
  }

  const imports = createImports(store, storage, { listRecipes, refresh, use, offerToUse });
  const actions: ModelActions = {
    use: (url) => void use(url),
    verify: (model, title) => void verify(model, title),
    stopVerify: () => models().verifying?.cancel.abort(),
    pickFolder: () => void pickFolder().then(useFolder, (error: unknown) => change({ error })),
    useFiles: (files) => void useFolder(filesFolder(files)),
    forgetFolder(folder) {
      change({ folders: models().folders.filter((each) => each !== folder) });
      forgetFolder(folder).catch((error: unknown) => change({ error }));
    },
    clear: () => void clear(),
    async remove(model, title) {
      const { id, url, kind, bytes } = model;
      const question = words.models.askRemove(title, formatBytes(bytes), kind === 'kept');
      if (!(await ask(question, words.models.keepIt, words.models.removeIt))) return;
      try {
        // A model that is loaded cannot be removed.
        if (addressOf(store.state) === url) await opener.openLocal(EMBEDDED);
        await storage.remove(id);
        forget(id);
        await refresh();
        change({ text: words.models.removed(title), refused: undefined });
        document.querySelector<HTMLElement>('#models-title')?.focus();
      } catch (error) {
        change({ error });
      }
    },
    ...imports,
  };

  return {
    actions,
    /** Shows what is stored, and again once the first model is open, which stores it. */
    async load(opening: Promise<void>): Promise<void> {
      // That it failed, the page says above.
      const opened = opening.then(refresh, () => undefined);
      const list = () => listRecipes().catch((error: unknown) => change({ error }));
      element('recipe-panel', HTMLDetailsElement).addEventListener('toggle', list, { once: true });
      const folders = keptFolders().then((folders) => change({ folders }));
      await Promise.all([opened, folders, refresh()]);
    },
  };
}

function rowOf(url: string): Element | undefined {
  return [...document.querySelectorAll<HTMLElement>('#model-list > li')].find(({ dataset }) => dataset.model === url);
}

/** Moves the focus to the button that uses this model. */
function offerToUse(url: string): void {
  rowOf(url)?.querySelector<HTMLButtonElement>('.use')?.focus();
}
