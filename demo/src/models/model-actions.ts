import type { StoredModel, UnfinishedModel } from 'flux-srpo';
import type { Folder } from './folders.ts';
import type { OwnForm, Panel, RecipeForm } from './models-state.ts';
import type { Picked } from './read-picked.ts';

/** What the views of the models can ask for. */
export interface ModelActions {
  /** Draws with the model of this address. */
  use(url: string): void;
  /** Asks, then deletes it. @param title what to call it */
  remove(model: StoredModel, title: string): void;
  /** Compares every byte of it with its hashes. */
  verify(model: StoredModel, title: string): void;
  stopVerify(): void;
  /** Asks for a bundle's folder, which is read in place, and draws with it. */
  pickFolder(): void;
  /** Draws with the folder whose files an input element gave. */
  useFiles(files: readonly File[]): void;
  forgetFolder(folder: Folder): void;
  /** Asks, then deletes everything that this page keeps in this browser. */
  clear(): void;
  /** Opens the list of models that can be got by name. */
  showRecipes(): void;
  /** Fills the form that goes on with it. */
  proceed(model: UnfinishedModel): void;
  editRecipe(change: Partial<RecipeForm>): void;
  editOwn(change: Partial<OwnForm>): void;
  /** Adds files that were picked or dropped. */
  addFiles(picked: readonly Picked[] | Promise<readonly Picked[]>): void;
  /** Whether to import although this machine cannot draw with it. */
  setAnyway(panel: Panel, anyway: boolean): void;
  check(panel: Panel): void;
  /** Imports what was checked; what was not is checked. */
  start(panel: Panel): void;
  /** Ends the check, pauses the import. */
  stop(panel: Panel): void;
}
