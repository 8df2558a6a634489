import type { ModelStorage } from 'flux-srpo';
import { EMBEDDED } from '../address.ts';
import type { App } from '../app.ts';
import { element } from '../elements.ts';
import { showError } from '../show-error.ts';
import { listenToImports } from './import-panel.ts';
import { type ModelListHandlers, offerToUse, showModels, useModel } from './model-list.ts';
import { listenToRecipes } from './recipe-panel.ts';

/** Connects the models of this browser with the page. @param opening of the first model */
export async function connectModels(app: App, storage: ModelStorage, opening: Promise<void>): Promise<void> {
  const place = element('models-error', HTMLParagraphElement);
  const onError = (cause: unknown) => showError(place, cause);
  const models: ModelListHandlers = {
    storage,
    current: app.current,
    embedded: EMBEDDED,
    use: app.open,
    continueImport(id, setup) {
      if (setup?.recipe === undefined) continueImport(id, setup);
      else continueRecipe(id, setup.recipe);
    },
    onError,
  };
  const refresh = () => {
    place.hidden = true;
    return showModels(models).catch(onError);
  };
  const continueImport = listenToImports({ storage, onChange: refresh, offerToUse });
  /** Shows what the load has stored. Waits for the next refresh where the list has the focus. */
  const refreshAfterLoad = () => (document.activeElement?.closest('#model-list') ? undefined : refresh());
  // That it failed, the page says above.
  const loading = opening.then(refreshAfterLoad, () => undefined);
  const continueRecipe = await listenToRecipes({
    storage,
    onChange: refresh,
    async open({ url }) {
      await refresh();
      await useModel(models, url);
      if (app.current() === url) document.querySelector<HTMLTextAreaElement>('#prompt')?.focus();
    },
  });
  await Promise.all([loading, refresh()]);
}
