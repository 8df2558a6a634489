import type { WeightClass, WireError } from '@flux-srpo/core';
import type { BundleInfo, Component, ConvertNotice, ConvertProgress, ModelRecipe } from '@flux-srpo/export';
import type { LocalBackend } from '../../worker/protocol.ts';
import type { CompleteModel, ImportForecast } from '../model-storage.ts';

/** What the page and the import worker send to each other. */

/** One of the user's files, an absolute URL, or `hf:owner/name[@revision]/path`. */
export type SourceEntry = File | string;

/** Path → file of a folder. */
export type FolderEntries = Readonly<Record<string, SourceEntry>>;

/** The hub that serves `hf:` addresses. */
export interface HubAccess {
  /** Origin. Default: Hugging Face. */
  endpoint?: string | undefined;
  /** Sent to the hub alone, as a bearer token. */
  token?: string | undefined;
}

/** A recipe, and what the user has said to it. */
export interface RecipeChoice {
  /** An id, an absolute URL, `hf:owner/name/path`, or the recipe itself. */
  recipe: string | ModelRecipe;
  acceptLicence: boolean;
  anyway: boolean;
}

export interface ImportInput {
  /** Default: the recipe's id, else the model id of `info`. */
  id?: string | undefined;
  /** In place of `folder`. */
  choice?: RecipeChoice | undefined;
  /** A diffusers folder. */
  folder?: FolderEntries | undefined;
  tokenizers?: FolderEntries | undefined;
  safetyChecker?: FolderEntries | undefined;
  files: Readonly<Partial<Record<Component, SourceEntry | undefined>>>;
  dtype?: WeightClass | undefined;
  info?: Partial<BundleInfo> | undefined;
  hub: HubAccess;
  /** What may compute the model here, in this order. */
  backends: readonly LocalBackend[];
}

/** What each task results in. */
export interface ImportResults {
  import: CompleteModel;
  foresee: ImportForecast;
}

export type ImportTask = keyof ImportResults;

/** The one message that the worker is sent. */
export interface ImportCall {
  task: ImportTask;
  input: ImportInput;
}

/** What the worker sends; its last message is a result or a failure. */
export type ImportMessage =
  | { type: 'progress'; progress: ConvertProgress }
  | { type: 'notice'; notice: ConvertNotice }
  | { type: 'result'; result: ImportResults[ImportTask] }
  | { type: 'failure'; error: WireError };
