import type { LocalBackend } from '../worker/protocol.ts';
import { startFetch } from './fetch/start-fetch.ts';
import type { ModelStorage } from './model-storage.ts';

/**
 * The storage, whose code is loaded when it is first used.
 *
 * @param backends what may compute an imported model, in this order
 */
export function lazyModelStorage(backends: readonly LocalBackend[]): ModelStorage {
  const imports = () => import('./import/start-import.ts');
  const models = () => import('./stored-models.ts');
  return {
    recipes: async () => (await import('./list-recipes.ts')).listRecipes(),
    import: async (...input) => (await imports()).startImport('import', backends, ...input),
    foresee: async (...input) => (await imports()).startImport('foresee', backends, ...input),
    fetch: startFetch,
    verify: async (id, options) => (await import('./run-task.ts')).runTask('verify', { id }, options),
    list: async () => (await models()).listModels(),
    remove: async (id) => (await models()).removeModel(id),
    estimate: async () => (await models()).estimateStorage(),
    persist: async () => (await models()).persistStorage(),
  };
}
