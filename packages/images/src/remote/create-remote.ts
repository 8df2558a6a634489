import { InputError, parseRetryAfter, randomSeed, retry, sleep } from '@flux-srpo/core';
import { parseRequest } from '../wire/parse-request.ts';
import { present } from '../wire/present.ts';
import type { CheckedRequest, RequestWarning } from '../wire/request.ts';
import { type Answer, AnswerProblem, readAnswer } from './answer.ts';
import { Exchange, isEventStream } from './exchange.ts';
import { handOver } from './hand-over.ts';
import { fetchModels, modelsUrl } from './models.ts';
import type { RemoteOptions } from './options.ts';
import type { Remote } from './remote.ts';
import { writeRequest } from './request-body.ts';
import { type RemoteSettings, resolveOptions } from './settings.ts';
import { type StreamedPartial, StreamReader } from './stream-reader.ts';

/** Posts of one request at most: the first and two more. */
const MAX_POSTS = 3;
/** If the server asks for a longer pause, the request fails at once. */
const MAX_PAUSE_MS = 60_000;
/** Together with `Retry-After`, these statuses say that the server did not start on the request. */
const NOT_ACCEPTED: readonly number[] = [429, 503];

/**
 * The endpoint on a server. Nothing is sent before `generate` is called. The request is then sent
 * once, and again only where the server said that it did not accept it.
 *
 * Chromium itself repeats a request when a kept-alive connection breaks before any answer. A page
 * cannot prevent that.
 */
export function createRemote(options: RemoteOptions): Remote {
  const settings = resolveOptions(options);

  async function withExchange<T>(
    url: URL,
    signal: AbortSignal | undefined,
    work: (exchange: Exchange) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const exchange = new Exchange(settings, url, signal);
    try {
      return await work(exchange);
    } catch (error) {
      throw error instanceof AnswerProblem ? exchange.invalid(error) : error;
    } finally {
      exchange.watch.close();
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
      parsed.warnings.forEach(warn);
      const request = completed(parsed.request, settings);
      const payload = JSON.stringify(writeRequest(settings.service, request, parsed.transport, warn));
      return withExchange(settings.url, signal, async (exchange) => {
        const answer = await ask(exchange, request, payload, warn, (partial) => tell(onPartial, partial));
        const { pictures, flagged } = answer;
        const { n = 1, model } = request;
        if (pictures.length < n) warn({ field: 'n', reason: `the service made ${pictures.length} of ${n} pictures` });
        answer.warnings.forEach(warn);
        return present({
          created: answer.created,
          data: await handOver(pictures, parsed.transport, exchange, warn),
          seed: answer.seed ?? request.seed,
          model,
          backend: 'remote' as const,
          warnings,
          has_nsfw_concepts: flagged,
        });
      });
    },

    async models({ signal } = {}) {
      return withExchange(modelsUrl(settings), signal, fetchModels);
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
      {
        code: 'input/required',
        details: { field: 'model' },
      },
    );
  }
  // A service that may ignore the seed is not told one.
  const takesSeed = fields.seed !== undefined && fields.seed.warning === undefined;
  return {
    ...(fields.model === undefined ? {} : present({ model })),
    ...(takesSeed ? { seed: randomSeed() } : {}),
    ...request,
  };
}

async function ask(
  exchange: Exchange,
  { stream, partial_images = 0, n = 1, enable_safety_checker }: CheckedRequest,
  payload: string,
  warn: (warning: RequestWarning) => void,
  onPartial: (partial: StreamedPartial) => void,
): Promise<Answer> {
  const response = await post(exchange, payload, stream === true);
  if (stream === true && isEventStream(response)) {
    // No picture is shown before it is checked, even where the service sends rough ones.
    const reader = new StreamReader(n, enable_safety_checker === true ? 0 : partial_images, onPartial);
    await exchange.readEvents(response, reader);
    return reader.answer();
  }
  const json = await exchange.readJson(response);
  if (stream === true) warn({ field: 'stream', reason: 'the service answered as a whole, without rough pictures' });
  return readAnswer(exchange.settings.service.answer, json, n);
}

/**
 * Sends the request until it is accepted or refused: the answer to the last one, which is a 2xx.
 */
async function post(exchange: Exchange, body: string, isStream: boolean): Promise<Response> {
  const { watch } = exchange;
  const accept = isStream ? 'text/event-stream, application/json' : 'application/json';
  let pause: number | undefined;
  return retry(
    async () => {
      pause = undefined;
      const response = await exchange.send({ method: 'POST', body, accept });
      if (response.ok) return response;
      pause = pauseBeforeRetry(response);
      throw await exchange.refusal(response);
    },
    {
      pauseAfter: (_, tries) => {
        const mayTry = !watch.signal.aborted && tries < MAX_POSTS && pause !== undefined && pause < watch.remainingMs;
        return mayTry ? pause : undefined;
      },
      wait: (milliseconds) => sleep(milliseconds, watch.signal),
    },
  );
}

/**
 * Milliseconds until the request may be sent again; `undefined` when it must not be. A picture
 * costs time and money. So a second request is sent only where the server said that it did not
 * accept the first, and when to try again.
 */
function pauseBeforeRetry({ status, headers }: Response): number | undefined {
  if (!NOT_ACCEPTED.includes(status) || headers.get('x-should-retry') === 'false') return undefined;
  const milliseconds = parseRetryAfter(headers.get('retry-after'));
  return milliseconds !== undefined && milliseconds <= MAX_PAUSE_MS ? milliseconds : undefined;
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
