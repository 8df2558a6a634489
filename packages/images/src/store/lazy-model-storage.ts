import type { ModelStorage } from './model-storage.ts';

/** The storage, whose code is loaded when it is first used. */
export function lazyModelStorage(): ModelStorage {
  const imports = () => import('./import/start-import.ts');
  const models = () => import('./stored-models.ts');
  return {
    recipes: async () => (await import('./list-recipes.ts')).listRecipes(),
    import: async (...input) => (await imports()).startImport(...input),
    foresee: async (...input) => (await imports()).startForesee(...input),
    list: async () => (await models()).listModels(),
    remove: async (id) => (await models()).removeModel(id),
    estimate: async () => (await models()).estimateStorage(),
    persist: async () => (await models()).persistStorage(),
  };
}
