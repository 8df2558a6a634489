import type { ConvertNotice, ConvertProgress } from '@flux-srpo/export';
import type { ImportForecast, StoredModel } from './import-protocol.ts';
import type { ImportSettings, ImportSources } from './import-sources.ts';

export interface ImportOptions extends ImportSettings {
  /** Stops the import, rejecting with the signal's reason. The same import goes on from there. */
  signal?: AbortSignal | undefined;
  /** After each tensor, and each part. */
  onProgress?: ((progress: ConvertProgress) => void) | undefined;
  /** Whether an interrupted import is gone on with. */
  onNotice?: ((notice: ConvertNotice) => void) | undefined;
  /** URL of the import worker's module (`flux-srpo/import-worker`), where the bundler does not place it. */
  workerUrl?: string | URL;
}

/** Models in this origin's private storage, in files that no other origin sees and no server gets. */
export interface ModelStorage {
  /**
   * Converts a checkpoint into a model of the storage, in a worker. Memory stays bounded whatever the size. Rejects with
   * `storage/quota-exceeded` where it does not fit, with `input/conflict` where there is such a model or another tab is at it.
   */
  import(sources: ImportSources, options?: ImportOptions): Promise<StoredModel>;
  /** What that import would write and whether it fits, from the files' headers; rejects with what is wrong with them. Stores nothing. */
  foresee(
    sources: ImportSources,
    options?: ImportSettings & Pick<ImportOptions, 'signal' | 'workerUrl'>,
  ): Promise<ImportForecast>;
  /** Complete models and what is left of interrupted imports. */
  list(): Promise<StoredModel[]>;
  /** Removes a model, or what is left of one. Rejects with `input/conflict` while it is loaded or imported. */
  remove(id: string): Promise<void>;
  /** Bytes that all of this origin's storage takes, and may take as far as the browser says. */
  estimate(): Promise<{ usage: number; quota: number }>;
  /** Asks the browser not to clear this origin's storage by itself; some ask the user. `false` where it may still. */
  persist(): Promise<boolean>;
}

/** The storage, whose code is loaded when it is first used. */
export function modelStorage(): ModelStorage {
  const later =
    <Name extends keyof ModelStorage>(name: Name) =>
    async (...input: Parameters<ModelStorage[Name]>): Promise<unknown> =>
      ((await import('./storage.ts')).storage[name] as (...input: unknown[]) => unknown)(...input);
  const names = ['import', 'foresee', 'list', 'remove', 'estimate', 'persist'] as const;
  return Object.fromEntries(names.map((name) => [name, later(name)])) as unknown as ModelStorage;
}
