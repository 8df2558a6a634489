import type { WeightClass } from '@flux-srpo/core';
import type { BundleInfo, ConvertNotice, ConvertProgress, ModelRecipe } from '@flux-srpo/export';

/**
 * A file that the user picked or dropped, the URL of one on a server that answers range requests,
 * or `hf:owner/name[@revision]/path` on the hub.
 */
export type ImportFile = File | string | URL;

/** The files of a folder by path, or as an input element with `webkitdirectory` gives them. */
export type ImportFolder = Readonly<Record<string, ImportFile>> | Iterable<File>;

/**
 * Where a model comes from: a diffusers pipeline folder, with single files that replace parts of
 * it, or without a folder all four parts and the tokenizers.
 */
export interface ImportSources {
  folder?: ImportFolder;
  transformer?: ImportFile;
  /** The T5 encoder. */
  t5?: ImportFile;
  /** The CLIP text encoder. */
  clip?: ImportFile;
  vae?: ImportFile;
  /** One file that holds every part that is not given by itself. */
  checkpoint?: ImportFile;
  /** A folder with `tokenizer/` and `tokenizer_2/`, used instead of the pipeline folder's. */
  tokenizers?: ImportFolder;
  /** The folder of an image classifier, for `enable_safety_checker`. */
  safetyChecker?: ImportFolder;
}

/** A model that a recipe makes. Files that are given with it take the place of its own. */
export interface RecipeSources
  extends Pick<ImportSources, 'transformer' | 't5' | 'clip' | 'vae' | 'tokenizers' | 'safetyChecker'> {
  /** An id of `storage.recipes()`, a recipe's URL, `hf:owner/name/path`, or the recipe itself. */
  recipe: string | URL | ModelRecipe;
  /**
   * The user was shown the recipe's licence and accepts it. Without this an import rejects with
   * `input/licence`, whose `details.licence` has its id and URL.
   */
  acceptLicence?: boolean;
  /**
   * Imports a model that this machine cannot draw with: where there is no WebGPU, or where the
   * adapter's limits are too small.
   *
   * @default false
   */
  anyway?: boolean;
}

/** How a model is stored. */
export interface ImportSettings {
  /** Name in the storage, `[A-Za-z0-9._-]`. @default the recipe's id, else the model id */
  id?: string;
  /** How linear layers are stored. @default the recipe's, else 'q4m' */
  dtype?: WeightClass;
  /**
   * Model id, name, licence, sizes, defaults. What is left out is the recipe's, else FLUX.1 SRPO's,
   * or unknown where the transformer has no guidance.
   */
  info?: Partial<BundleInfo>;
  /** Access token of the hub. It is sent to the hub alone, never to a host that it redirects to. */
  token?: string;
  /** Origin of the hub, or of a mirror. @default 'https://huggingface.co' */
  hub?: string;
}

/** How to follow and end an import. */
export interface ImportOptions extends ImportSettings {
  /**
   * Stops the import, which rejects with the signal's reason. The same import continues from there.
   */
  signal?: AbortSignal | undefined;
  /** Called after each tensor and each part. */
  onProgress?: ((progress: ConvertProgress) => void) | undefined;
  /** Called when an interrupted import is continued, or started over. */
  onNotice?: ((notice: ConvertNotice) => void) | undefined;
  /**
   * URL of the import worker's module (`flux-srpo/import-worker`), where the bundler does not place
   * it.
   */
  workerUrl?: string | URL;
}
