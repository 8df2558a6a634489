import type { WeightClass } from '@flux-srpo/core';
import type { BundleInfo, Component, ModelRecipe } from '@flux-srpo/export';
import type { LocalBackend } from '../../worker/protocol.ts';

/** What an import is told. */

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
