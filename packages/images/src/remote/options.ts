import { checkOptions } from './check-options.ts';
import { resolveEndpoint } from './endpoint.ts';
import type { ServiceDescription } from './service.ts';
import type { ServiceName } from './service-names.ts';
import { SERVICES } from './services.ts';

/** A server of the endpoint, and how to talk to it. */
export interface RemoteOptions {
  /** Where the service is; may be relative to the page. For `fal` the model's own URL. */
  baseURL: string | URL;
  /**
   * Sent as it is, with nothing added: say `Bearer …` or `Key …` where the service wants that. A function is asked before every
   * request, which suits short-lived tokens.
   */
  apiKey?: string | (() => string | Promise<string>);
  /** What the service calls its model, for requests that name none. A request's own `model` is sent as it is. */
  model?: string;
  /** How the service spells requests and answers. @default 'flux-srpo' */
  service?: ServiceName | ServiceDescription;
  /** @default globalThis.fetch */
  fetch?: typeof globalThis.fetch;
  /** Sent with every request. */
  headers?: Readonly<Record<string, string>>;
  timeouts?: Partial<RemoteTimeouts>;
  /** Most bytes of an answer, after decompression. @default 64 MiB */
  maxBytes?: number;
  /** Origins from which pictures are fetched when base64 is asked for and the service answers with a URL. @default [] */
  imageOrigins?: readonly string[];
  /** A key in a page can be read by everyone who can open it. @default false */
  dangerouslyAllowBrowser?: boolean;
}

/** Milliseconds; `Infinity` for none. `fetch` does not tell when a connection stands, so `headers` covers that too. */
export interface RemoteTimeouts {
  /** For the `apiKey` function. @default 30 s */
  key: number;
  /** From sending to the answer's headers, which most services send when the picture is done. @default 10 min */
  headers: number;
  /** Between two pieces of the answer. @default 1 min */
  stall: number;
  /** For everything, pauses between tries included. @default 15 min */
  total: number;
}

export interface RemoteSettings {
  /** Takes requests. */
  url: URL;
  baseURL: string | URL;
  model: string | undefined;
  apiKey: RemoteOptions['apiKey'];
  service: ServiceDescription;
  fetch: typeof globalThis.fetch;
  headers: Readonly<Record<string, string>>;
  timeouts: RemoteTimeouts;
  maxBytes: number;
  imageOrigins: ReadonlySet<string>;
}

const DEFAULT_TIMEOUTS: RemoteTimeouts = { key: 30_000, headers: 600_000, stall: 60_000, total: 900_000 };
const DEFAULT_MAX_BYTES = 64 * 2 ** 20;

/** The options, checked, with every default filled in. */
export function resolveOptions(options: RemoteOptions): RemoteSettings {
  checkOptions(options);
  const { service: named = 'flux-srpo', headers = {}, maxBytes = DEFAULT_MAX_BYTES, imageOrigins = [] } = options;
  const service = typeof named === 'string' ? SERVICES[named] : named;
  return {
    url: resolveEndpoint(options.baseURL, service.path),
    baseURL: options.baseURL,
    model: options.model,
    apiKey: options.apiKey,
    service,
    // Called without a `this`: browsers refuse their fetch as a method of something else.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    headers,
    timeouts: { ...DEFAULT_TIMEOUTS, ...options.timeouts },
    maxBytes,
    imageOrigins: new Set(imageOrigins.map((origin) => new URL(origin).origin)),
  };
}
