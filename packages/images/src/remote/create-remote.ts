import { InputError, isFluxError, type NetworkError, randomSeed } from '@flux-srpo/core';
import { parseRequest } from '../wire/parse-request.ts';
import type { CheckedRequest, ImageRequest, ParsedRequest, RequestWarning } from '../wire/request.ts';
import type { ImageResponse } from '../wire/response.ts';
import { type Answer, AnswerProblem, readAnswer } from './answer.ts';
import { type Call, isEventStream, readJson, readStream, refusalOf, send } from './call.ts';
import { showUrl } from './endpoint.ts';
import { withExchange } from './failures.ts';
import { handOver } from './hand-over.ts';
import { fetchModels, modelsUrl } from './models.ts';
import { type RemoteOptions, type RemoteSettings, resolveOptions } from './options.ts';
import { writeRequest } from './request-body.ts';
import { MAX_POSTS, pauseBeforeRetry } from './retry.ts';
import { Redactor } from './secrets.ts';
import { type StreamedPartial, StreamReader } from './stream-reader.ts';
import { Watch } from './watch.ts';

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
  /** The same request and response as locally. The prompt goes to the service, and to nobody else. */
  generate(request: ImageRequest, options?: RemoteCallOptions): Promise<ImageResponse>;
  /** Names of the models that the service has. */
  models(options?: Pick<RemoteCallOptions, 'signal'>): Promise<string[]>;
}

/**
 * The endpoint on a server. Sends nothing before `generate` is called, and then the request once; again only where the server said
 * that it did not accept it.
 *
 * One thing is out of reach: Chromium itself repeats a request when a kept-alive connection that it used for it breaks before any
 * answer, and `fetch` has no say in that.
 */
export function createRemote(options: RemoteOptions): Remote {
  const settings = resolveOptions(options);

  async function withCall<T>(url: URL, signal: AbortSignal | undefined, work: (call: Call) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    const watch = new Watch(signal, settings.timeouts.total);
    const exchange = { service: settings.service.name, url: showUrl(url), posts: 0 };
    try {
      return await work({ settings, watch, redactor: new Redactor(), exchange });
    } catch (error) {
      // The clocks know nothing of the request they end.
      throw isFluxError(error) && error === watch.signal.reason ? withExchange(error, exchange) : error;
    } finally {
      watch.close();
    }
  }

  return {
    async generate(body, { signal, onWarning, onPartial } = {}) {
      signal?.throwIfAborted();
      const warnings: RequestWarning[] = [];
      const warn = (warning: RequestWarning): void => {
        warnings.push(warning);
        tell(onWarning, warning);
      };
      const parsed = parseRequest(body, { mayOmitModel: true });
      for (const warning of parsed.warnings) warn(warning);
      const request = withSeed(withModel(parsed.request, settings), settings);
      const payload = JSON.stringify(writeRequest(settings.service, request, parsed.transport, warn));

      return withCall(settings.url, signal, async (call) => {
        const answer = await ask(call, { ...parsed, request }, payload, warn, (partial) => tell(onPartial, partial));
        for (const warning of answer.warnings) warn(warning);
        const seed = answer.seed ?? request.seed;
        return {
          created: answer.created,
          data: await handOver(answer.pictures, parsed.transport, call, warn),
          ...(seed === undefined ? {} : { seed }),
          ...(request.model === undefined ? {} : { model: request.model }),
          backend: 'remote',
          warnings,
          ...(answer.flagged === undefined ? {} : { has_nsfw_concepts: answer.flagged }),
        };
      });
    },

    async models({ signal } = {}) {
      return withCall(modelsUrl(settings), signal, fetchModels);
    },
  };
}

/** The client's name for the service's model where the request has none. */
function withModel(request: CheckedRequest, { service, model }: RemoteSettings): CheckedRequest {
  if (request.model !== undefined || service.request.fields.model === undefined) return request;
  if (model !== undefined) return { ...request, model };
  throw new InputError(
    'model is required, as the server calls it: in the request, or for all of them in remote.model',
    {
      code: 'input/required',
      details: { field: 'model' },
    },
  );
}

/** A seed of our own where the caller gives none, so that it can be reported; as many bits as torch's generator takes. */
function withSeed(request: CheckedRequest, { service }: RemoteSettings): CheckedRequest {
  const field = service.request.fields.seed;
  if (request.seed !== undefined || field === undefined || field.warning !== undefined) return request;
  return { ...request, seed: randomSeed() };
}

async function ask(
  call: Call,
  { request }: ParsedRequest,
  payload: string,
  warn: (warning: RequestWarning) => void,
  onPartial: (partial: StreamedPartial) => void,
): Promise<Answer> {
  const { stream, partial_images = 0, n = 1 } = request;
  const response = await post(call, payload, stream === true);
  if (stream === true && isEventStream(response)) {
    // Nothing may be shown of a picture before it was checked, whatever the service thinks of that.
    const partials = request.enable_safety_checker === true ? 0 : partial_images;
    return readStream(call, response, new StreamReader(n, partials, onPartial), warn);
  }
  const { json, invalid } = await readJson(call, response);
  if (stream === true) warn({ field: 'stream', reason: 'the service answered as a whole, without rough pictures' });
  return checked(() => readAnswer(call.settings.service, json, n, warn), invalid);
}

/** Sends the request until it is accepted or refused: the answer to the last one, which is a 2xx. */
async function post(call: Call, payload: string, isStream: boolean): Promise<Response> {
  const { settings, watch, exchange } = call;
  const accept = isStream ? 'text/event-stream, application/json' : 'application/json';
  for (;;) {
    const response = await send(call, { method: 'POST', url: settings.url, body: payload, accept });
    if (response.ok) return response;
    const error = await refusalOf(call, response);
    const pause = pauseBeforeRetry(response);
    if (watch.signal.aborted || pause === undefined || exchange.posts >= MAX_POSTS || pause >= watch.remainingMs) {
      throw error;
    }
    await watch.sleep(pause);
  }
}

function checked(read: () => Answer, invalid: (expectedAndGot: string) => NetworkError): Answer {
  try {
    return read();
  } catch (error) {
    throw error instanceof AnswerProblem ? invalid(error.message) : error;
  }
}

/** An exception of the caller's own callback is the page's to report; it does not end the request. */
function tell<T>(listener: ((value: T) => void) | undefined, value: T): void {
  try {
    listener?.(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
