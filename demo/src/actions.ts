import type { ModelActions } from './models/model-actions.ts';
import type { Language } from './pictures/as-code.ts';
import type { Picture } from './pictures/picture.ts';
import type { ServerSettings } from './server.ts';
import type { FormValues } from './state.ts';

/** What the views can ask for. */
export interface Actions {
  /** Something was typed or chosen. */
  edit(change: Partial<FormValues>): void;
  /** Keeps the seed of the last picture, or a new one. */
  lockSeed(): void;
  draw(): void;
  /** Ends the opening of a model, the run, or the job with this id. */
  cancel(id?: number): void;
  open(address: string): void;
  models: ModelActions;
  editServer(change: Partial<ServerSettings>): void;
  /** Draws on the server that was typed. */
  useServer(): void;
  /** Draws on this machine again. */
  useHere(): void;
  toModels(): void;
  copyReport(): void;
  /** Asks the browser whether it may tell when a picture is done. */
  askToTell(): void;
  /** Shows the picture, or both where another waits for comparison. */
  choose(picture: Picture): void;
  compare(picture: Picture): void;
  /** Fills the form with what made it. */
  reuse(picture: Picture): void;
  /** Draws the same with another seed. */
  vary(picture: Picture): void;
  copy(picture: Picture): void;
  share(picture: Picture): void;
  remove(picture: Picture): void;
  removeAll(): void;
  keepNew(isKept: boolean): void;
  /** Reads the settings of a PNG into the form. */
  restore(file: File): void;
  speak(language: Language): void;
  copyText(text: string): void;
  /** Of the settings that are shown. */
  copyLink(withPrompt: boolean): void;
}
