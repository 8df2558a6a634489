import { toHttpError } from '../wire/errors.ts';
import { type AnswerContext, newRequestId } from './answers.ts';
import type { ImageEngine } from './engine.ts';
import { answerImages } from './images.ts';
import { answerModels } from './models.ts';

/** What happens to requests that are not the endpoint's. */
export interface LocalFetchOptions {
  /** Takes what is not the endpoint's. @default globalThis.fetch */
  fetch?: typeof globalThis.fetch;
}

/**
 * A `fetch` that answers `POST …/v1/images/generations`, `GET …/v1/models` and `GET
 * …/v1/models/{id}` from the engine, whatever the origin, and passes everything else on.
 *
 * @example const openai = new OpenAI({ fetch: createLocalFetch(flux), baseURL: 'http://local/v1',
 *   apiKey: '-', dangerouslyAllowBrowser: true });
 */
export function createLocalFetch(engine: ImageEngine, options: LocalFetchOptions = {}): typeof globalThis.fetch {
  return async (input, init) => {
    const answer = answerFor(input, init);
    if (answer === undefined) return (options.fetch ?? globalThis.fetch)(input, init);
    const request = new Request(input, init);
    request.signal.throwIfAborted();
    return answer(request, engine);
  };
}

type Answer = (request: Request, engine: ImageEngine) => Promise<Response>;

/** Looks at the address and the method alone: reading a Request would use it up. */
function answerFor(input: RequestInfo | URL, init: RequestInit | undefined): Answer | undefined {
  const given = typeof input === 'object' && 'method' in input ? input : { url: String(input), method: 'GET' };
  const method = (init?.method ?? given.method).toUpperCase();
  const path = pathOf(given.url);
  if (method === 'POST' && path.endsWith('/v1/images/generations')) {
    return (request, engine) => answerImages(request, engine, context());
  }
  const models = /\/v1\/models(?:\/(.+))?$/.exec(path);
  if (method === 'GET' && models !== null) {
    return (request, engine) => answerModels(request, engine, context(), models[1]);
  }
  return undefined;
}

function context(): AnswerContext {
  return { requestId: newRequestId(), onError: logInternal };
}

/** The answer says no more than "internal error", so the console has the error itself. */
function logInternal(error: unknown, requestId: string): void {
  // biome-ignore lint/suspicious/noConsole: nothing else is told of it
  if (toHttpError(error).body.error.code === 'internal_error') console.error(requestId, error);
}

/** Decoded where it can be; empty for what is no address, which is the real `fetch`'s to refuse. */
function pathOf(url: string): string {
  try {
    return decodeURIComponent(new URL(url, globalThis.location?.href).pathname);
  } catch {
    return '';
  }
}
