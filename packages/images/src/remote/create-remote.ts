import { parseRetryAfter, randomSeed, sleep, strict } from '@flux-srpo/core';
import { readPath } from '../wire/json-path.ts';
import { parseRequest } from '../wire/parse-request.ts';
import { present } from '../wire/present.ts';
import type { CheckedRequest, ImageRequest, RequestWarning } from '../wire/request.ts';
import type { ImageResponse } from '../wire/response.ts';
import { conflict, required } from '../wire/rules.ts';
import { readAnswer } from './answer.ts';
import { readJson, readRefusal } from './body.ts';
import { DispensableFields } from './dispensable.ts';
import { type Exchange, withExchange } from './exchange.ts';
import { handOver } from './hand-over.ts';
import { type RemoteOptions, resolveEndpoint } from './options.ts';
import { writeRequest } from './request-body.ts';
import { SERVICES } from './services.ts';
import { type RemoteSettings, resolveOptions } from './settings.ts';
import { readStream, type StreamedPartial } from './stream.ts';

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
  return connect(resolveOptions(options, ''));
}

/** The same for options that are checked. */
export function connect(settings: RemoteSettings): Remote {
  const { service, baseURL } = settings;
  const dispensable = new DispensableFields(service.request.dispensable);
  return {
    generate: (body, { signal, onWarning, onPartial } = {}) =>
      withExchange(settings, resolveEndpoint(baseURL, service.path), signal, async (exchange) => {
        const warnings: RequestWarning[] = [];
        const warn = (warning: RequestWarning): void => {
          warnings.push(warning);
          tell(onWarning, warning);
        };
        const { request: parsed, transport, warnings: found } = parseRequest(body);
        found.forEach(warn);
        const request = completed(parsed, settings);
        const { n = 1, model, stream } = request;
        const written = writeRequest(service, request, transport, warn);
        const accept = stream ? 'text/event-stream, application/json' : 'application/json';
        const response = await accepted(exchange, accept, {
          text: () => JSON.stringify(dispensable.without(written, model)),
          mend: (status, refusal) => {
            const sent = dispensable.without(written, model);
            return dispensable.learn(status, refusal ?? exchange.answered.snippet, sent, model);
          },
        });
        const isStream = stream && EVENTS_TYPE.test(response.headers.get('content-type') ?? '');
        const answered = isStream
          ? await readStream(exchange, response, request, (partial) => tell(onPartial, partial))
          : await readJson(exchange, response);
        if (stream && !isStream) {
          warn({ field: 'stream', reason: 'the service answered as a whole, without rough pictures' });
        }
        const places = isStream ? SERVICES['flux-srpo'].answer : service.answer;
        const answer = exchange.understood(() => readAnswer(places, answered, n));
        const { created, pictures, flagged, seed = request.seed } = answer;
        if (pictures.length < n) warn({ field: 'n', reason: `the service made ${pictures.length} of ${n} pictures` });
        answer.warnings.forEach(warn);
        const data = await handOver(pictures, transport, exchange, warn);
        const backend = 'remote' as const;
        return present({ created, data, seed, model, backend, warnings, has_nsfw_concepts: flagged });
      }),

    async models({ signal } = {}) {
      if (service.models === undefined) {
        throw conflict('remote', `the remote service "${service.name}" has no list of models to load`);
      }
      return withExchange(settings, resolveEndpoint(baseURL, service.models), signal, async (exchange) => {
        const data = readPath(await readJson(exchange, await accepted(exchange, 'application/json')), 'data');
        return exchange.understood(() => readModels(Array.isArray(data) ? data.slice(0, MAX_MODELS) : data, 'data'));
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
  if (fields.model !== undefined && (request.model ?? model) === undefined) {
    throw required('model', 'by the name that the server has for it: in the request, or as remote.model');
  }
  // A service that may ignore the seed is not told one.
  const takesSeed = fields.seed !== undefined && fields.seed.warning === undefined;
  return {
    ...(fields.model && present({ model })),
    ...(takesSeed && { seed: randomSeed() }),
    ...request,
  };
}

/** The body of a POST, which may be another after a refusal. */
interface MendableBody {
  text(): string;
  /** Whether a refusal was of what the next text is without. */
  mend(status: number, refusal: unknown): boolean;
}

/**
 * Sends the request until it is accepted or refused. A picture costs time and money. So a second
 * request is sent only where the server said that it did not accept the first: it refused a field
 * that can be left out, or said when to try again. Only these statuses, together with
 * `Retry-After`, say the latter. A request without a body is sent once.
 *
 * @returns a 2xx answer
 */
async function accepted(exchange: Exchange, accept: string, body?: MendableBody): Promise<Response> {
  for (;;) {
    const response = await exchange.send(accept, body?.text());
    const { ok, status, headers } = response;
    if (ok) return response;
    // If the text of a refusal does not come, its status is enough.
    const refusal = await readRefusal(exchange, response);
    const mayRepeat = body !== undefined && exchange.posts < MAX_POSTS;
    if (mayRepeat && body.mend(status, refusal)) continue;
    const isLater = mayRepeat && [429, 503].includes(status);
    const pause = isLater && headers.get('x-should-retry') !== 'false' && parseRetryAfter(headers.get('retry-after'));
    const longest = Math.min(MAX_PAUSE_MS, exchange.endsAt - performance.now());
    if (typeof pause !== 'number' || pause > longest) throw exchange.refused(status, refusal, headers);
    await sleep(pause, exchange.signal);
  }
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
