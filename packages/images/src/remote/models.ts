import { FLUX_SRPO_DEFAULTS, FLUX_SRPO_SIZES, InputError, type Manifest, strict } from '@flux-srpo/core';
import { readPath } from '../wire/json-path.ts';
import type { ModelFacts } from '../wire/model.ts';
import { readAnswered } from './answer.ts';
import { resolveEndpoint } from './endpoint.ts';
import type { Exchange } from './exchange.ts';
import type { Remote } from './remote.ts';
import type { RemoteSettings } from './settings.ts';

/**
 * A server's model. It has what `load` gives of a local model, except for what only a bundle knows.
 */
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

/** Most models of a list that are looked at. */
const MAX_MODELS = 1000;
const readName = strict.such(
  strict.string,
  'a name of 1 to 200 characters',
  ({ length }) => length > 0 && length <= 200,
);

/** Where the list of models is. */
export function modelsUrl({ service, baseURL }: RemoteSettings): URL {
  if (service.models !== undefined) return resolveEndpoint(baseURL, service.models);
  throw new InputError(`the remote service "${service.name}" has no list of models to load`, {
    code: 'input/conflict',
    details: { field: 'remote', service: service.name },
  });
}

/** Names of the models that the service says it has, at least one. */
export async function fetchModels(exchange: Exchange): Promise<string[]> {
  const response = await exchange.send({ method: 'GET' });
  if (!response.ok) throw await exchange.refusal(response);
  const data = readPath(await exchange.readJson(response), 'data');
  const first = Array.isArray(data) ? data.slice(0, MAX_MODELS) : data;
  const readId: strict.Read<string> = (entry, path) => readName(readPath(entry, 'id'), `${path}.id`);
  return readAnswered(() => strict.list(readId, 1, MAX_MODELS)(first, 'data'));
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
    sizes: FLUX_SRPO_SIZES,
    defaults: FLUX_SRPO_DEFAULTS,
    // These are in the contract. A server that lacks one refuses the request.
    hasGuidance: true,
    hasSafetyChecker: true,
    hasStepCache: true,
  };
}
