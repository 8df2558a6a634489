import type { WeightClass, WireError } from '@flux-srpo/core';
import type { BundleInfo, Component, ConversionForecast, ConvertNotice, ConvertProgress } from '@flux-srpo/export';

/** What crosses between the page and the worker that imports one model. A file is one of the user's, or an absolute URL. */

export type SourceEntry = File | string;

export interface ImportInput {
  /** Default: the model id of `info`. */
  id?: string;
  /** Path → file of a diffusers folder. */
  folder?: Readonly<Record<string, SourceEntry>>;
  tokenizers?: Readonly<Record<string, SourceEntry>>;
  safetyChecker?: Readonly<Record<string, SourceEntry>>;
  files: Readonly<Partial<Record<Component, SourceEntry>>>;
  dtype: WeightClass;
  info?: BundleInfo;
  /** Sent to the hosts that the URLs name, as a bearer token. */
  token?: string;
}

/** A model in this origin's private storage. */
export interface StoredModel {
  id: string;
  /** For `createFluxSrpo({ model })`. */
  url: string;
  state: 'complete' | 'unfinished';
  /** Bytes of all its files. */
  bytes: number;
  /** The manifest's `model` and `name`; absent while it is unfinished. */
  model?: string;
  name?: string;
}

/** What an import would make. */
export interface ImportForecast extends ConversionForecast {
  id: string;
  /** For `createFluxSrpo({ model })`, once it is imported. */
  url: string;
  /** The manifest's `model` and `name`. */
  model: string;
  name: string;
  /** Bytes that an interrupted import of this id left, of use where files and settings are the same. */
  found: number;
  /** Whether the browser gives room for what is missing. */
  fits: boolean;
}

/** The one message that the worker hears. */
export interface ImportTask {
  task: 'import' | 'foresee';
  input: ImportInput;
}

export type ImportMessage =
  | { type: 'progress'; progress: ConvertProgress }
  | { type: 'notice'; notice: ConvertNotice }
  | { type: 'result'; result: StoredModel | ImportForecast }
  | { type: 'failure'; error: WireError };
