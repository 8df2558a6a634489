import { InputError, type WeightClass } from '@flux-srpo/core';
import type { BundleInfo } from '@flux-srpo/export';
import type { ImportInput, SourceEntry } from './import-protocol.ts';

/** A file that the user picked or dropped, or the URL of one on a server that answers range requests. */
export type ImportFile = File | string | URL;

/** The files of a folder by path, or as an input element with `webkitdirectory` gives them. */
export type ImportFolder = Readonly<Record<string, ImportFile>> | Iterable<File>;

/** Where a model comes from: a diffusers pipeline folder, single files in place of its parts, or without it all four of them and the tokenizers. */
export interface ImportSources {
  folder?: ImportFolder;
  transformer?: ImportFile;
  /** The T5 encoder. */
  t5?: ImportFile;
  /** The CLIP text encoder. */
  clip?: ImportFile;
  vae?: ImportFile;
  /** One file that holds whatever of the four is not given apart. */
  checkpoint?: ImportFile;
  /** A folder with `tokenizer/` and `tokenizer_2/`, in place of the pipeline folder's. */
  tokenizers?: ImportFolder;
  /** The folder of an image classifier, for `enable_safety_checker`. */
  safetyChecker?: ImportFolder;
}

/** How a model is stored. */
export interface ImportSettings {
  /** Name in the storage, `[A-Za-z0-9._-]`. @default the model id */
  id?: string;
  /** How linear layers are stored. @default 'q4m' */
  dtype?: WeightClass;
  /** Model id, name, licence, sizes, defaults. @default FLUX.1 SRPO's */
  info?: BundleInfo;
  /** Of the hub that the URLs name. Sent to the hosts in the URLs and to no other. */
  token?: string;
}

/** What the worker is told. URLs become absolute here, where the page's address is known. */
export function importInput(sources: ImportSources, { id, dtype = 'q4m', info, token }: ImportSettings): ImportInput {
  const { folder, tokenizers, safetyChecker, checkpoint } = sources;
  const part = (file = checkpoint) => (file === undefined ? undefined : entry(file));
  const files = {
    transformer: part(sources.transformer),
    text_encoder: part(sources.clip),
    text_encoder_2: part(sources.t5),
    vae: part(sources.vae),
  };
  return {
    ...(id === undefined ? {} : { id }),
    ...(folder === undefined ? {} : { folder: entries(folder) }),
    ...(tokenizers === undefined ? {} : { tokenizers: entries(tokenizers) }),
    ...(safetyChecker === undefined ? {} : { safetyChecker: entries(safetyChecker) }),
    files: Object.fromEntries(Object.entries(files).filter(([, file]) => file !== undefined)),
    dtype: weightClass(dtype),
    ...(info === undefined ? {} : { info }),
    ...(token === undefined ? {} : { token }),
  };
}

function entries(folder: ImportFolder): Record<string, SourceEntry> {
  const files: [string, ImportFile][] =
    Symbol.iterator in folder
      ? Array.from(folder as Iterable<File>, (file) => [
          file.webkitRelativePath.split('/').slice(1).join('/') || file.name,
          file,
        ])
      : Object.entries(folder);
  return Object.fromEntries(files.map(([path, file]) => [path, entry(file)]));
}

function entry(file: ImportFile): SourceEntry {
  if (file instanceof File) return file;
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  const url = URL.canParse(file, base) ? new URL(file, base) : undefined;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isOwn(url));
  if (url !== undefined && isSafe && url.username === '' && url.password === '') return url.href;
  throw new InputError(
    `weights must be files, or https URLs without credentials, got "${url === undefined ? String(file).slice(0, 80) : `${url.protocol}//${url.host}`}"`,
    { code: 'input/type', details: { field: 'sources' } },
  );
}

function isOwn({ origin, hostname }: URL): boolean {
  return origin === globalThis.location?.origin || ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}

const CLASSES: readonly string[] = ['f32', 'f16', 'q8', 'q4', 'q4m'] satisfies WeightClass[];

function weightClass(dtype: WeightClass): WeightClass {
  if (CLASSES.includes(dtype)) return dtype;
  throw new InputError(`dtype must be one of ${CLASSES.join(', ')}, got "${String(dtype).slice(0, 40)}"`, {
    code: 'input/out-of-range',
    details: { field: 'dtype' },
  });
}
