import { InputError } from '@flux-srpo/core';
import { type Call, readJson, refusalOf, send } from './call.ts';
import { resolveEndpoint } from './endpoint.ts';
import { readPath } from './json-path.ts';
import type { RemoteSettings } from './options.ts';

/** Most models of a list that are looked at, and characters of a name. */
const MAX_MODELS = 1000;
const MAX_NAME = 200;

/** Where the list of models is. */
export function modelsUrl({ service, baseURL }: RemoteSettings): URL {
  if (service.models !== undefined) return resolveEndpoint(baseURL, service.models);
  throw new InputError(`the remote service "${service.name}" has no list of models to load`, {
    code: 'input/conflict',
    details: { field: 'remote', service: service.name },
  });
}

/** Names of the models that the service says it has, at least one. */
export async function fetchModels(call: Call): Promise<string[]> {
  const response = await send(call, { method: 'GET', url: modelsUrl(call.settings) });
  if (!response.ok) throw await refusalOf(call, response);
  const { json, invalid } = await readJson(call, response);
  const list = readPath(json, 'data');
  const names = Array.isArray(list) ? list.slice(0, MAX_MODELS).map((model) => readPath(model, 'id')) : [];
  const areNames = names.every((name) => typeof name === 'string' && name !== '' && name.length <= MAX_NAME);
  if (names.length === 0 || !areNames) throw invalid('data must be a list of models with an id, got something else');
  return names as string[];
}
