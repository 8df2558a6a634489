import type { Manifest } from '@flux-srpo/core';
import type { ModelFacts } from '../wire/model.ts';
import type { Remote } from './create-remote.ts';
import { PRESET_PIXELS } from './service.ts';

/** A server's model as far as the contract tells: what `load` gives of a local one, but for what only a bundle knows. */
export interface RemoteModel extends ModelFacts {
  backend: 'remote';
  /** Everything the server has; `model` is the first. */
  models: string[];
  name: string;
  /** `unknown`: the server says which models it has, and no more. */
  licence: Manifest['licence'];
  examples: string[];
  fallback?: undefined;
}

/** Asks the server which models it has. */
export async function remoteModel(remote: Remote, signal: AbortSignal): Promise<RemoteModel> {
  const models = await remote.models({ signal });
  const [model] = models as [string];
  return {
    backend: 'remote',
    model,
    models,
    name: model,
    licence: { id: 'unknown' },
    examples: [],
    sizes: PRESET_PIXELS,
    defaults: { size: 'landscape_4_3', num_inference_steps: 28, guidance_scale: 4.5 },
    // Fields of the contract; a server that cannot do it says so when it is asked.
    hasSafetyChecker: true,
    hasStepCache: true,
  };
}
