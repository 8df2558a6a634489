import { createFluxSrpo, type FluxSrpo, type ModelFolder } from 'flux-srpo';
import { BACKEND, EMBEDDED, THREADS } from './address.ts';
import type { ServerSettings } from './server.ts';

/** Something that draws: a model on this machine, or a server. */
export interface Source {
  /** URL of a bundle, `opfs:<id>`, `folder:<name>`, or the endpoint of a server. */
  address: string;
  /** Of a server: where prompts go. */
  host?: string;
  service?: ServerSettings['service'];
  create(): FluxSrpo;
}

/** @param folder of this machine, in place of the address */
export function localSource(address: string, folder?: ModelFolder): Source {
  return {
    address,
    // The embedded model is small enough for a CPU.
    create: () => {
      const allowWasm = address === EMBEDDED;
      return createFluxSrpo({ model: folder ?? address, backend: BACKEND, threads: THREADS, allowWasm });
    },
  };
}

export function serverSource({ baseURL, service, key, model }: ServerSettings): Source {
  const url = new URL(baseURL, location.href);
  return {
    address: url.href,
    host: url.host,
    service,
    create: () =>
      createFluxSrpo({
        backend: 'remote',
        remote: {
          baseURL: url,
          service,
          ...(key === '' ? {} : { apiKey: () => key }),
          ...(model === '' ? {} : { model }),
        },
      }),
  };
}
