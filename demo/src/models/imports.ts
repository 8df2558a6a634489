import { isFluxError, type ModelStorage, type RecipeEntry } from 'flux-srpo';
import { element } from '../elements.ts';
import type { Store } from '../store.ts';
import { performJob, UNCHECKED } from './import-job.ts';
import type { ModelActions } from './model-actions.ts';
import { type Models, mayStart, type Panel } from './models-state.ts';
import { readOwn, readRecipe } from './read-form.ts';
import { recall } from './remembered.ts';
import { addFiles } from './sort-files.ts';

/** What the two forms can ask for. */
export type ImportActions = Pick<
  ModelActions,
  'showRecipes' | 'proceed' | 'editRecipe' | 'editOwn' | 'addFiles' | 'setAnyway' | 'check' | 'start' | 'stop'
>;

/** What an import needs of the list of models, before it and after. */
interface List {
  listRecipes(): Promise<readonly RecipeEntry[]>;
  /** Lists what is stored again. */
  refresh(): Promise<void>;
  /** Draws with the model. @returns whether it could be opened */
  use(url: string): Promise<boolean>;
  /** Moves the focus to the button that uses it. */
  offerToUse(url: string): void;
}

/** The two forms that bring models. */
export function createImports(store: Store, storage: ModelStorage, models: List): ImportActions {
  const state = () => store.state.models;
  const change = (change: Partial<Models>, set = store.set) => set({ models: { ...state(), ...change } });
  const setJob = (panel: Panel, job: Partial<Models['jobs'][Panel]>, set = store.set) =>
    change({ jobs: { ...state().jobs, [panel]: { ...state().jobs[panel], ...job } } }, set);

  async function perform(panel: Panel, isImport: boolean): Promise<void> {
    const options = {
      storage,
      get job() {
        return state().jobs[panel];
      },
      set: (job: Partial<Models['jobs'][Panel]>) => setJob(panel, job),
      setSoon: (job: Partial<Models['jobs'][Panel]>) => setJob(panel, job, store.setSoon),
      read: async (isImport: boolean) =>
        panel === 'recipe'
          ? readRecipe(state().recipe, await models.listRecipes(), isImport, options.job.anyway)
          : readOwn(state().own),
    };
    const imported = await performJob(options, isImport).catch((error: unknown) => {
      const isGated = isFluxError(error, 'network/status') && error.details.licence !== undefined;
      if (isGated && panel === 'recipe') element('recipe-more', HTMLDetailsElement).open = true;
      return undefined;
    });
    if (imported !== undefined) actions[panel === 'recipe' ? 'editRecipe' : 'editOwn']({ token: '' });
    await models.refresh();
    if (imported === undefined) return;
    if (panel === 'recipe') {
      if (await models.use(imported.url)) document.querySelector<HTMLTextAreaElement>('#prompt')?.focus();
    } else if (document.querySelector('#import-form')?.contains(document.activeElement))
      models.offerToUse(imported.url);
  }

  const actions: ImportActions = {
    showRecipes() {
      const panel = element('recipe-panel', HTMLDetailsElement);
      panel.open = true;
      panel.scrollIntoView({ block: 'start' });
      panel.querySelector('summary')?.focus({ preventScroll: true });
    },
    proceed({ id }) {
      const setup = recall(id);
      const panel = setup?.recipe === undefined ? 'import' : 'recipe';
      if (setup?.recipe === undefined) actions.editOwn({ id, ...(setup && { dtype: setup.dtype }) });
      else actions.editRecipe({ recipe: setup.recipe, id });
      element(`${panel}-panel`, HTMLDetailsElement).open = true;
      const hasFiles = state().own.chosen.length > 0;
      const next = panel === 'recipe' ? 'recipe-accept' : hasFiles ? 'import-check' : 'pick-folder';
      document.getElementById(next)?.focus();
      document.getElementById(`${panel}-form`)?.scrollIntoView({ block: 'nearest' });
    },
    editRecipe(edit) {
      // A licence is accepted for one recipe, and each has a name of its own in this browser.
      const other = edit.recipe === undefined ? {} : { accepted: false, id: edit.recipe };
      change({ recipe: { ...state().recipe, ...other, ...edit } });
      // Accepting changes nothing of what a check has found.
      if (edit.accepted === undefined) setJob('recipe', UNCHECKED);
    },
    editOwn(edit) {
      change({ own: { ...state().own, leftOut: [], ...edit } });
      setJob('import', UNCHECKED);
    },
    addFiles(picked) {
      Promise.resolve(picked).then(
        (files) => actions.editOwn(addFiles(state().own.chosen, files)),
        (error: unknown) => setJob('import', { error }),
      );
    },
    setAnyway: (panel, anyway) => setJob(panel, { anyway }),
    check: (panel) => void perform(panel, false),
    start: (panel) => void perform(panel, mayStart(state().jobs[panel])),
    stop: (panel) => state().jobs[panel].run?.cancel.abort(),
  };
  return actions;
}
