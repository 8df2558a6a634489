import { checkOptions } from './check-options.ts';
import { resolveEndpoint } from './endpoint.ts';
import type { RemoteOptions, RemoteTimeouts } from './options.ts';
import { readService } from './read-service.ts';
import type { ServiceDescription } from './service.ts';
import { SERVICES } from './services.ts';

/** The options with every default filled in. */
export interface RemoteSettings {
  /** Takes requests. @throws InputError for an address relative to a page that is not there */
  readonly url: URL;
  baseURL: string | URL;
  apiKey: RemoteOptions['apiKey'];
  model: string | undefined;
  service: ServiceDescription;
  fetch: typeof globalThis.fetch;
  headers: Readonly<Record<string, string>>;
  timeouts: RemoteTimeouts;
  maxBytes: number;
  imageOrigins: ReadonlySet<string>;
}

const TIMEOUTS: RemoteTimeouts = { key: 30_000, headers: 600_000, stall: 60_000, total: 900_000 };
const MAX_BYTES = 64 * 2 ** 20;

/** @throws InputError that names the option */
export function resolveOptions(options: RemoteOptions): RemoteSettings {
  const { baseURL, apiKey, model, service: named = 'flux-srpo', headers = {}, ...rest } = checkOptions(options);
  const service: ServiceDescription = typeof named === 'string' ? SERVICES[named] : readService(named, 'service');
  return {
    get url() {
      return resolveEndpoint(baseURL, service.path);
    },
    baseURL,
    apiKey,
    model,
    service,
    // Called without a `this`: browsers refuse their fetch as a method of something else.
    fetch: rest.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    headers,
    timeouts: { ...TIMEOUTS, ...rest.timeouts },
    maxBytes: rest.maxBytes ?? MAX_BYTES,
    imageOrigins: new Set(rest.imageOrigins?.map((origin) => new URL(origin).origin)),
  };
}
