import { InputError, parseRetryAfter, randomSeed, sleep, strict } from '@flux-srpo/core';
import { readPath } from '../wire/json-path.ts';
import { parseRequest } from '../wire/parse-request.ts';
import { present } from '../wire/present.ts';
import type { CheckedRequest, ImageRequest, RequestWarning } from '../wire/request.ts';
import type { ImageResponse } from '../wire/response.ts';
import { readAnswer } from './answer.ts';
import { type Exchange, withExchange } from './exchange.ts';
import { handOver } from './hand-over.ts';
import { type RemoteOptions, resolveEndpoint } from './options.ts';
import { parseJson, readJson, readText } from './read-body.ts';
import { writeRequest } from './request-body.ts';
import { type RemoteSettings, resolveOptions } from './settings.ts';
import { readStream, type StreamedPartial } from './stream-reader.ts';

/** How to follow and end one request. */
export interface RemoteCallOptions {
  /** Rejects with the signal's reason and closes the connection. */
  signal?: AbortSignal | undefined;
  /** Called as warnings arise; all of them are in the response, too. */
  onWarning?: ((warning: RequestWarning) => void) | undefined;
  /** Called with the rough pictures that `stream` and `partial_images` ask for. */
  onPartial?: ((partial: StreamedPartial) => void) | undefined;
}

/** The endpoint on a server. */
export interface Remote {
  /**
   * The same request and response as locally. The prompt goes to the service, and to nobody else.
   */
  generate(request: ImageRequest, options?: RemoteCallOptions): Promise<ImageResponse>;
  /** Names of the models that the service has. */
  models(options?: Pick<RemoteCallOptions, 'signal'>): Promise<string[]>;
}

/** Posts of one request at most: the first and two more. */
const MAX_POSTS = 3;
/** If the server asks for a longer pause, the request fails at once. */
const MAX_PAUSE_MS = 60_000;
const EVENTS_TYPE = /^\s*text\/event-stream\s*(;|$)/i;
/** Most models of a list that are looked at. */
const MAX_MODELS = 1000;
const readModels = strict.list((entry, path) => strict.text(200)(readPath(entry, 'id'), `${path}.id`), 1, MAX_MODELS);

/**
 * The endpoint on a server. Nothing is sent before `generate` is called. The request is then sent
 * once, and again only where the server said that it did not accept it.
 *
 * Chromium itself repeats a request when a kept-alive connection breaks before any answer. A page
 * cannot prevent that.
 */
export function createRemote(options: RemoteOptions): Remote {
  const settings = resolveOptions(options);
  const { service, baseURL } = settings;
  return {
    generate: async (body, { signal, onWarning, onPartial } = {}) =>
      withExchange(settings, resolveEndpoint(baseURL, service.path), signal, async (exchange) => {
        const warnings: RequestWarning[] = [];
        const warn = (warning: RequestWarning): void => {
          warnings.push(warning);
          tell(onWarning, warning);
        };
        const { request: parsed, transport, warnings: found } = parseRequest(body, { mayOmitModel: true });
        found.forEach(warn);
        const request = completed(parsed, settings);
        const { n = 1, model, stream } = request;
        const sent = JSON.stringify(writeRequest(service, request, transport, warn));
        const accept = stream ? 'text/event-stream, application/json' : 'application/json';
        const response = await accepted(exchange, accept, sent);
        const isStream = stream && EVENTS_TYPE.test(response.headers.get('content-type') ?? '');
        const [paths, answered] = isStream
          ? await readStream(exchange, response, request, (partial) => tell(onPartial, partial))
          : [service.answer, await readJson(exchange, response)];
        if (stream && !isStream) {
          warn({ field: 'stream', reason: 'the service answered as a whole, without rough pictures' });
        }
        const answer = exchange.understood(() => readAnswer(paths, answered, n));
        const { created, pictures, flagged, seed = request.seed } = answer;
        if (pictures.length < n) warn({ field: 'n', reason: `the service made ${pictures.length} of ${n} pictures` });
        answer.warnings.forEach(warn);
        const data = await handOver(pictures, transport, exchange, warn);
        const backend = 'remote' as const;
        return present({ created, data, seed, model, backend, warnings, has_nsfw_concepts: flagged });
      }),

    async models({ signal } = {}) {
      if (service.models !== undefined) {
        return withExchange(settings, resolveEndpoint(baseURL, service.models), signal, async (exchange) => {
          const data = readPath(await readJson(exchange, await accepted(exchange, 'application/json')), 'data');
          return exchange.understood(() => readModels(Array.isArray(data) ? data.slice(0, MAX_MODELS) : data, 'data'));
        });
      }
      throw new InputError(`the remote service "${service.name}" has no list of models to load`, {
        code: 'input/conflict',
        details: { field: 'remote', service: service.name },
      });
    },
  };
}

/**
 * The request with the client's name for the model, and a seed that can be reported, where the
 * caller gives none.
 */
function completed(request: CheckedRequest, { service, model }: RemoteSettings): CheckedRequest {
  const { fields } = service.request;
  if (fields.model !== undefined && request.model === undefined && model === undefined) {
    throw new InputError(
      'model is required, by the name that the server has for it: in the request, or as remote.model',
      { code: 'input/required', details: { field: 'model' } },
    );
  }
  // A service that may ignore the seed is not told one.
  const takesSeed = fields.seed !== undefined && fields.seed.warning === undefined;
  return {
    ...(fields.model && present({ model })),
    ...(takesSeed && { seed: randomSeed() }),
    ...request,
  };
}

/**
 * Sends the request until it is accepted or refused. A picture costs time and money. So a second
 * request is sent only where the server said that it did not accept the first, and when to try
 * again. A request without a body is sent once.
 *
 * @returns a 2xx answer
 */
async function accepted(exchange: Exchange, accept: string, body?: string): Promise<Response> {
  for (;;) {
    const response = await exchange.send(accept, body);
    if (response.ok) return response;
    // If the text of a refusal does not come, its status is enough.
    const { text } = await readText(exchange, response);
    const pause = pauseAfter(response);
    const longest = Math.min(MAX_PAUSE_MS, exchange.endsAt - performance.now());
    const mayRepeat = body !== undefined && exchange.posts < MAX_POSTS && pause <= longest;
    if (!mayRepeat) throw exchange.refused(response.status, parseJson(text), response.headers);
    await sleep(pause, exchange.signal);
  }
}

/**
 * Milliseconds until the request may be sent again. `Infinity` when it must not be: only these
 * statuses, together with `Retry-After`, say that the server did not start on the request.
 */
function pauseAfter({ status, headers }: Response): number {
  const isRefused = (status === 429 || status === 503) && headers.get('x-should-retry') !== 'false';
  return (isRefused ? parseRetryAfter(headers.get('retry-after')) : undefined) ?? Number.POSITIVE_INFINITY;
}

/**
 * An exception in the caller's callback does not end the request. It is thrown where the page
 * reports uncaught errors.
 */
function tell<T>(listener: ((value: T) => void) | undefined, value: T): void {
  try {
    listener?.(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
