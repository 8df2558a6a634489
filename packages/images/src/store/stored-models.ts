import { StorageError } from '@flux-srpo/core';
import { isKeptUrl, listKeptModels, removeKeptModel } from './cache/cache-models.ts';
import type { StoredModel } from './model-storage.ts';
import { listImportedModels, removeImportedModel } from './opfs/opfs-list.ts';

/** What the page sees of stored models: imported ones in OPFS, kept ones in Cache storage. */

export async function listModels(): Promise<StoredModel[]> {
  const models = await Promise.all([listImportedModels(), listKeptModels()]);
  return models.flat().sort((a, b) => (a.id < b.id ? -1 : 1));
}

export async function removeModel(id: string): Promise<void> {
  await (isKeptUrl(id) ? removeKeptModel(id) : removeImportedModel(id));
}

export async function estimateStorage(): Promise<{ usage: number; quota: number }> {
  const { usage = 0, quota = 0 } = await navigator.storage.estimate().catch((cause: unknown) => {
    throw new StorageError('the browser does not say what this origin may store', {
      code: 'storage/unavailable',
      cause,
    });
  });
  return { usage, quota };
}

export async function persistStorage(): Promise<boolean> {
  // Refused where the origin is opaque.
  return (await navigator.storage?.persist?.().catch(() => false)) ?? false;
}
