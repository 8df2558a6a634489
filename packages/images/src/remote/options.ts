import type { ServiceDescription } from './service.ts';
import type { ServiceName } from './service-names.ts';

/** A server of the endpoint, and how to talk to it. */
export interface RemoteOptions {
  /** Where the service is; may be relative to the page. For `fal` the model's own URL. */
  baseURL: string | URL;
  /**
   * A bare key (`sk-…`) is sent in the way that the service wants it, for most as `Bearer sk-…`. A
   * key with its scheme (`Bearer …`, `Key …`) is sent as it is. A function is asked before every
   * request, which suits short-lived tokens. For a header of your own leave this out and say
   * `headers: { Authorization: … }`.
   */
  apiKey?: string | (() => string | Promise<string>);
  /**
   * What the service calls its model, for requests that name none. A request's own `model` is sent
   * as it is.
   */
  model?: string;
  /** How the service spells requests and answers: by name, or described. @default 'flux-srpo' */
  service?: ServiceName | ServiceDescription;
  /** @default globalThis.fetch */
  fetch?: typeof globalThis.fetch;
  /** Sent with every request, verbatim. */
  headers?: Readonly<Record<string, string>>;
  timeouts?: Partial<RemoteTimeouts>;
  /** Most bytes of an answer, after decompression. @default 64 MiB */
  maxBytes?: number;
  /**
   * Origins from which pictures are fetched when base64 is asked for and the service answers with a
   * URL.
   * @default []
   */
  imageOrigins?: readonly string[];
  /** A key in a page can be read by everyone who can open it. @default false */
  dangerouslyAllowBrowser?: boolean;
}

/**
 * Milliseconds; `Infinity` for none. `fetch` does not tell when a connection stands, so `headers`
 * covers that too.
 */
export interface RemoteTimeouts {
  /** For the `apiKey` function. @default 30 s */
  key: number;
  /**
   * From sending to the answer's headers, which most services send when the picture is done.
   * @default 10 min
   */
  headers: number;
  /** Between two pieces of the answer. @default 1 min */
  stall: number;
  /** For everything, pauses between tries included. @default 15 min */
  total: number;
}
