export { listRecipes } from '@flux-srpo/export';
