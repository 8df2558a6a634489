import { type CompleteModel, isFluxError, type ModelStorage, type RecipeEntry } from 'flux-srpo';
import { HUB } from '../address.ts';
import { element } from '../elements.ts';
import { importJob } from './import-job.ts';
import { choose, describeRecipe, showRecipes } from './recipe-list.ts';
import { tokenNote } from './token-note.ts';

const panel = element('recipe-panel', HTMLDetailsElement);
const form = element('recipe-form', HTMLFormElement);
const more = element('recipe-more', HTMLDetailsElement);
const accept = element('recipe-accept', HTMLInputElement);
const token = element('recipe-token', HTMLInputElement);
const hub = element('recipe-hub', HTMLInputElement);
const idField = element('recipe-id', HTMLInputElement);

export interface RecipePanelHandlers {
  storage: ModelStorage;
  /** The stored models may have changed. */
  onChange: () => Promise<void>;
  /** Opens the model that was made. */
  open: (model: CompleteModel) => Promise<void>;
}

/** Lets the user get a model by its recipe. The result opens the panel to go on with one. */
export async function listenToRecipes({ storage, onChange, open }: RecipePanelHandlers) {
  const chosen = showRecipes(await storage.recipes());
  const describe = async (recipe: RecipeEntry): Promise<void> => {
    const { usage, quota } = await storage.estimate();
    describeRecipe(recipe, Math.max(0, quota - usage));
  };
  /** A licence is accepted for one recipe, and each has a name of its own in this browser. */
  const onChoice = async (): Promise<void> => {
    accept.checked = false;
    idField.value = chosen().id;
    await describe(chosen());
  };
  const showTokenNote = () => {
    element('recipe-token-note', HTMLParagraphElement).textContent = tokenNote(hub.value);
  };
  const job = importJob({
    prefix: 'recipe',
    storage,
    async read(isImport, anyway) {
      for (const field of [hub, idField]) {
        if (!field.checkValidity()) more.open = true;
        if (!field.reportValidity()) return undefined;
      }
      if (isImport && !accept.reportValidity()) return undefined;
      const { id, dtype, name } = chosen();
      return {
        sources: { recipe: id, acceptLicence: accept.checked, anyway },
        settings: { id: idField.value, hub: hub.value, ...(token.value === '' ? {} : { token: token.value }) },
        setup: { dtype, names: [name], recipe: id },
      };
    },
    async onChange() {
      await Promise.all([onChange(), describe(chosen())]);
    },
    onImported: open,
    onError(cause) {
      const isGated = isFluxError(cause, 'network/status') && cause.details.licence !== undefined;
      if (isGated) more.open = true;
    },
  });
  hub.value = HUB;
  showTokenNote();
  hub.addEventListener('input', showTokenNote);
  element('recipe-list', HTMLDivElement).addEventListener('change', () => void onChoice());
  // Accepting changes nothing of what a check has found.
  accept.addEventListener('input', (event) => event.stopPropagation());
  await onChoice();

  return function continueRecipe(id: string, recipe: string): void {
    panel.open = true;
    choose(recipe);
    void onChoice().then(() => {
      idField.value = id;
      job.reset();
      accept.focus();
      form.scrollIntoView({ block: 'nearest' });
    });
  };
}
