export { fluxSrpoImageModel, type SizedEngine } from './image-model.ts';
export type {
  FluxSrpoImageModel,
  FluxSrpoProviderOptions,
  ImageModelCallOptions,
  ImageModelResult,
  ImageModelWarning,
} from './types.ts';
