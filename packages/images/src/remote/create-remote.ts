import { isFluxError, type NetworkError } from '@flux-srpo/core';
import { type ImageRequest, parseRequest, type RequestWarning } from '../wire/request.ts';
import type { ImageResponse } from '../wire/response.ts';
import { type Answer, AnswerProblem, readAnswer } from './answer.ts';
import { type Call, MAX_ERROR_BYTES, readJson, send } from './call.ts';
import { showUrl } from './endpoint.ts';
import { refusal, withExchange } from './failures.ts';
import { handOver } from './hand-over.ts';
import { type RemoteOptions, type RemoteSettings, resolveOptions } from './options.ts';
import { readText } from './read-body.ts';
import { writeRequest } from './request-body.ts';
import { MAX_POSTS, pauseBeforeRetry } from './retry.ts';
import { Redactor } from './secrets.ts';
import { Watch } from './watch.ts';

/** How to follow and end one request. */
export interface RemoteCallOptions {
  /** Rejects with the signal's reason and closes the connection. */
  signal?: AbortSignal | undefined;
  /** Called as warnings arise; all of them are in the response, too. */
  onWarning?: ((warning: RequestWarning) => void) | undefined;
}

/** The endpoint on a server. */
export interface Remote {
  /** The same request and response as locally. The prompt goes to the service, and to nobody else. */
  generate(request: ImageRequest, options?: RemoteCallOptions): Promise<ImageResponse>;
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
  return {
    async generate(body, { signal, onWarning } = {}) {
      signal?.throwIfAborted();
      const warnings: RequestWarning[] = [];
      const warn = (warning: RequestWarning): void => {
        warnings.push(warning);
        tell(onWarning, warning);
      };
      const parsed = parseRequest(body);
      for (const warning of parsed.warnings) warn(warning);
      const request = withSeed(parsed.request, settings);
      const payload = JSON.stringify(writeRequest(settings.service, request, parsed.transport, warn));

      const watch = new Watch(signal, settings.timeouts.total);
      const exchange = { service: settings.service.name, url: showUrl(settings.url), posts: 0 };
      const call: Call = { settings, watch, redactor: new Redactor(), exchange };
      try {
        const { json, invalid } = await readJson(call, await post(call, payload));
        const answer = checked(() => readAnswer(settings.service, json, request.n ?? 1, warn), invalid);
        return {
          created: answer.created,
          data: await handOver(answer.pictures, parsed.transport, call, warn),
          seed: answer.seed ?? request.seed ?? null,
          model: request.model,
          backend: 'remote',
          warnings,
          ...(answer.flagged === undefined ? {} : { has_nsfw_concepts: answer.flagged }),
        };
      } catch (error) {
        // The clocks know nothing of the request they end.
        throw isFluxError(error) && error === watch.signal.reason ? withExchange(error, exchange) : error;
      } finally {
        watch.close();
      }
    },
  };
}

/** A seed of our own where the caller gives none, so that it can be reported; as many bits as torch's generator takes. */
function withSeed(request: ImageRequest, { service }: RemoteSettings): ImageRequest {
  const field = service.request.fields.seed;
  if (request.seed !== undefined || field === undefined || field.warning !== undefined) return request;
  const [seed] = crypto.getRandomValues(new Uint32Array(1)) as unknown as [number];
  return { ...request, seed };
}

/** Sends the request until it is accepted or refused: the answer to the last one, which is a 2xx. */
async function post(call: Call, payload: string): Promise<Response> {
  const { settings, watch, redactor, exchange } = call;
  for (;;) {
    const response = await send(call, payload);
    if (response.ok) return response;
    const limits = { maxBytes: MAX_ERROR_BYTES, stallMs: settings.timeouts.stall };
    const { text, end } = await readText(response, limits, watch);
    // A refusal whose text does not come is a refusal all the same, unless the caller has left.
    if (watch.isCallerAborted) throw watch.signal.reason;
    const pause = pauseBeforeRetry(response);
    if (watch.signal.aborted || pause === undefined || exchange.posts >= MAX_POSTS || pause >= watch.remainingMs) {
      throw refusal(settings.service, response, { text, isCut: end !== 'complete' }, redactor, exchange);
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
function tell(onWarning: RemoteCallOptions['onWarning'], warning: RequestWarning): void {
  try {
    onWarning?.(warning);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
