import type { Progress, WireError } from '@flux-srpo/core';
import type { ConversionForecast, PictureNeeds, RecipeEntry } from '@flux-srpo/export';
import type { LocalBackend } from '../worker/protocol.ts';
import type { ImportOptions, ImportSettings, ImportSources, RecipeSources } from './import/import-options.ts';
import type { ModelSource } from './model-source.ts';

/** What every entry of `storage.list()` has. */
export interface StoredEntry {
  /** For `remove`: the name of an imported model, the address of a kept one. */
  id: string;
  /**
   * `imported`: converted by `storage.import`. `kept`: fetched from its server by `fetch`, or by
   * `load` (`keep`). Both are in the origin private file system.
   */
  kind: 'imported' | 'kept';
  /** For `createFluxSrpo({ model })`: `opfs:<id>`, or the address of a kept model. */
  url: string;
  /** Bytes of its files in this browser. */
  bytes: number;
}

/** A model that loads. */
export interface CompleteModel extends StoredEntry {
  state: 'complete';
  /** The manifest's `model`. */
  model: string;
  /** The manifest's `name`. */
  name: string;
}

/** What an import or a `load` that was cut off has stored. The same call continues from there. */
export interface UnfinishedModel extends StoredEntry {
  state: 'unfinished';
}

/** Bytes that are no model: a damaged manifest, or foreign files. Only `remove` helps. */
export interface UnreadableModel extends StoredEntry {
  state: 'unreadable';
  /** Why it cannot be read. */
  error: WireError;
}

/** A model in this browser's storage for this origin, or what is left of one. */
export type StoredModel = CompleteModel | UnfinishedModel | UnreadableModel;

/** What an import would make. */
export interface ImportForecast extends ConversionForecast {
  id: string;
  /** For `createFluxSrpo({ model })`, once it is imported. */
  url: string;
  /** The manifest's `model`. */
  model: string;
  /** The manifest's `name`. */
  name: string;
  /** Bytes of an interrupted import of this id, used again if files and settings are the same. */
  found: number;
  /** Whether the browser has room for what is missing. */
  fits: boolean;
  /** Whether this machine can draw with the result. */
  machine: MachineForecast;
  /**
   * Bytes a second at which the transformer's file was just read: up to 16 MiB of it, for two
   * seconds at most. Absent for a folder, and for a file of less.
   */
  rate?: number;
  /** Seconds that reading `sourceBytes` takes at that rate. */
  seconds?: number;
}

/** Whether a machine can draw with a model, as far as is known before it is there. */
export interface MachineForecast {
  /** What would compute it, of what the client may use. Absent where nothing can. */
  backend?: LocalBackend;
  /** What a picture of the default size takes. */
  needs: PictureNeeds;
  /** Why nothing here can draw it. Empty where something can. */
  obstacles: string[];
}

/** How far a fetch or a check is: bytes of `total`, what was here already, rate and time left. */
export type TransferProgress = Extract<Progress, { stage: 'load' }>;

/** How to follow and end a fetch. */
export interface FetchOptions {
  /** Stops it; it rejects with the signal's reason. The same fetch continues from there. */
  signal?: AbortSignal | undefined;
  /** Bytes that are here, of how many; how many were here already; rate and time left. */
  onProgress?: ((progress: TransferProgress) => void) | undefined;
  /** URL of `flux-srpo/import-worker`, which does it, where the bundler does not place it. */
  workerUrl?: string | URL | undefined;
}

/** A fetch on its way. */
export interface ModelFetch extends Promise<CompleteModel> {
  /** Begins no more chunks. Those on their way are fetched and kept. */
  pause(): void;
  /** Goes on after `pause`. */
  resume(): void;
}

/** A stored chunk that is not what the manifest says. */
export interface DamagedChunk {
  /** Of the file in the bundle. */
  path: string;
  /** From 0. */
  chunk: number;
  /** Of its first byte in the file. */
  offset: number;
  bytes: number;
  problem: 'changed' | 'missing';
}

/** What a check of a stored model has found. */
export interface Verification {
  id: string;
  /** Bytes of the model's files. */
  bytes: number;
  /** Empty where all is well. */
  damaged: DamagedChunk[];
  /** Whether `fetch` mends it. What was imported has no source left: import it again. */
  isRepairable: boolean;
}

/** Models in this browser's storage. No other origin sees the files, and no server gets them. */
export interface ModelStorage {
  /**
   * What can be imported by name: what it is, from where it comes, bytes, licence, and what a
   * machine needs. Asks no network. Show the licence before an import.
   */
  recipes(): Promise<RecipeEntry[]>;
  /**
   * Converts a checkpoint, or what a recipe names, into a stored model, in a worker. Memory stays
   * bounded whatever the size. Where another tab runs the same import, this one tells how far that
   * is, and goes on when that tab is closed, or hangs for ten seconds. Rejects with
   * `storage/quota-exceeded` where it does not fit, with `input/conflict` where there is a model of
   * that id, another tab imports another, or another tab went on because this one hung. Of a
   * recipe, rejects with `input/licence` until its licence is accepted, and with
   * `device/limit-too-small` where this machine could not draw.
   */
  import(sources: ImportSources | RecipeSources, options?: ImportOptions): Promise<CompleteModel>;
  /**
   * Says what that import would write, whether it fits, whether this machine can draw with it, and
   * how long reading takes. Reads the files' headers, and up to 16 MiB to measure the rate. Rejects
   * with what is wrong with them. Stores nothing.
   */
  foresee(
    sources: ImportSources | RecipeSources,
    options?: ImportSettings & Pick<ImportOptions, 'signal' | 'workerUrl'>,
  ): Promise<ImportForecast>;
  /**
   * Fetches a bundle into this browser's storage without loading it: for a "download first" button.
   * A client with this model then draws without a network. What is here already is not fetched
   * again, so after a cut, a crash or a stop the same call goes on. Where several tabs fetch one
   * model, each chunk is fetched by one of them. Rejects with `storage/quota-exceeded` before the
   * first chunk where the rest does not fit, with `storage/unavailable` where the browser keeps
   * nothing.
   */
  fetch(model: string | URL | ModelSource, options?: FetchOptions): ModelFetch;
  /**
   * Reads a whole stored model, by its `id` of `list()`, and compares it with its hashes. Damaged
   * chunks of a fetched model are taken away, and the next `fetch` or `load` brings those alone.
   */
  verify(id: string, options?: FetchOptions): Promise<Verification>;
  /**
   * Every model that this origin keeps, imported or kept, and what interrupted ones left. A model
   * that cannot be read is listed with the reason. Where the browser denies a page its file system
   * or its caches, nothing can be there, so nothing is listed from there.
   */
  list(): Promise<StoredModel[]>;
  /**
   * Removes an entry of `list()` by its `id`. Does nothing where there is none. Rejects with
   * `input/conflict` while it is imported, or loaded in any tab.
   */
  remove(id: string): Promise<void>;
  /** Bytes that all storage of this origin takes, and may take as far as the browser says. */
  estimate(): Promise<{ usage: number; quota: number }>;
  /**
   * Asks the browser not to clear this origin's storage by itself; some ask the user. `false` where
   * it may still.
   */
  persist(): Promise<boolean>;
}
