import { strict } from '@flux-srpo/core';
import { ANY_PAGE, pageBase } from '../page-base.ts';
import { type PickedFolder, readPickedFolder } from './picked-folder.ts';

/** Where a bundle is, and what is known of it. */
export interface ModelSource {
  /** URL of the bundle's folder, relative to the page, or `opfs:<id>` of an imported model. */
  url: string | URL;
  /**
   * SHA-256 of `manifest.json`, in lower-case hex, which makes every byte of the model known. Any
   * other manifest is refused, and a kept model with this one asks no server for anything.
   */
  sha256?: string;
  /** The same folder on other servers, which are asked in turn where one fails. */
  mirrors?: readonly (string | URL)[];
}

/** A model source with absolute addresses, as workers take it. */
export interface ModelAddress {
  model: string;
  sha256?: string | undefined;
  mirrors?: readonly string[] | undefined;
  /** A folder of this machine. `model` is what messages call it. */
  folder?: PickedFolder;
}

/** More servers than anyone has. */
const MAX_MIRRORS = 16;

/** Absolute; as it was given where there is no page, which nothing is used without. */
export const readUrl: strict.Read<string> = (value, path) => {
  const base = pageBase();
  const isAddress = typeof value === 'string' || value instanceof URL;
  if (!isAddress || !URL.canParse(value, base ?? ANY_PAGE)) throw strict.refusal(path, 'a URL', value, 'input/type');
  return base === undefined ? String(value) : new URL(value, base).href;
};

export const readSha256 = strict.matching(/^[0-9a-f]{64}$/, '64 lower-case hex digits');

const readFields = strict.object<{ url: string; sha256?: string; mirrors?: string[] }>({
  url: readUrl,
  sha256: strict.optional(readSha256),
  mirrors: strict.optional(strict.list(readUrl, 0, MAX_MIRRORS)),
});

/** What `storage.fetch` takes. */
export const readModelSource: strict.Read<ModelAddress> = (value, path) => {
  if (typeof value !== 'object' || value === null || value instanceof URL) return { model: readUrl(value, path) };
  const { url, ...known } = readFields(value, path);
  return { model: url, ...known };
};

/** What `model` of the client takes. */
export const readModel: strict.Read<ModelAddress> = (value, path) =>
  readPickedFolder(value, path) ?? readModelSource(value, path);
