import { InputError } from '@flux-srpo/core';
import {
  type AnswerContext,
  answerImages,
  answerModels,
  errorAnswer,
  newRequestId,
  protocolError,
} from 'flux-srpo/fetch';
import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import { isAuthorized } from './api-key.ts';
import type { ImageStore } from './image-store.ts';
import type { NodeEngine } from './node-engine.ts';

export interface AppOptions {
  engine: NodeEngine;
  /** Where the engine publishes pictures. */
  images: ImageStore;
  /** Absent: no key is asked for. */
  apiKey?: string | undefined;
  /** Origins of pages that may call, or `*`. Empty: none. */
  origins?: readonly string[];
  /**
   * Answer to these names only: a page that points its own name at this machine is refused. Absent:
   * to all.
   */
  hosts?: readonly string[] | undefined;
  onError?: AnswerContext['onError'];
}

/** nginx's number for a client that went away; nobody reads it. */
const CLIENT_CLOSED = 499;

/** The endpoint as a function from Request to Response. */
export function createApp({ engine, images, apiKey, origins = [], hosts, onError }: AppOptions): Hono {
  // Some clients end a path with a slash.
  const app = new Hono({ strict: false });
  const context = (): AnswerContext => ({ requestId: newRequestId(), onError });

  if (hosts !== undefined) {
    app.use(async (c, next) => {
      if (hosts.includes(new URL(c.req.url).hostname)) return next();
      const said = `the host must be one of ${hosts.join(', ')}; --allow-host adds another`;
      return protocolError(403, 'host_not_allowed', said, context());
    });
  }
  if (origins.length > 0) {
    app.use(
      cors({
        origin: origins.includes('*') ? '*' : [...origins],
        allowMethods: ['GET', 'POST'],
        exposeHeaders: ['x-request-id', 'x-should-retry', 'retry-after'],
      }),
    );
  }
  if (apiKey !== undefined) {
    app.use('/v1/*', async (c, next) => {
      // What a browser asks before a request carries no key.
      if (c.req.method === 'OPTIONS' || isAuthorized(c.req.header('authorization'), apiKey)) return next();
      const error = new InputError('the Authorization header must carry the API key of this server', {
        code: 'input/unauthorized',
      });
      return errorAnswer(error, context());
    });
  }

  app.post('/v1/images/generations', (c) => whileThere(c, () => answerImages(c.req.raw, engine, context())));
  app.get('/v1/models', (c) => whileThere(c, () => answerModels(c.req.raw, engine, context())));
  app.get('/v1/models/:id{.+}', (c) =>
    whileThere(c, () => answerModels(c.req.raw, engine, context(), c.req.param('id'))),
  );
  app.get('/images/:file{[A-Za-z0-9_-]+\\.png}', (c) => {
    const png = images.get(c.req.param('file').slice(0, -'.png'.length));
    if (png === undefined) {
      return protocolError(404, 'image_not_found', 'there is no such picture; its address may have expired', context());
    }
    return c.body(png, 200, {
      'content-type': 'image/png',
      'cache-control': 'private, no-store',
      'x-content-type-options': 'nosniff',
    });
  });
  app.get('/health', async (c) => {
    const { model } = await engine.load();
    return c.json({ status: 'ok', model, queue: engine.queue });
  });
  for (const [path, method] of [
    ['/v1/images/generations', 'POST'],
    ['/v1/models', 'GET, HEAD'],
    ['/v1/models/:id{.+}', 'GET, HEAD'],
    ['/health', 'GET, HEAD'],
  ] as const) {
    app.options(path, (c) => c.body(null, 204, { allow: `${method}, OPTIONS` }));
    app.all(path, (c) => {
      const said = `${c.req.path.slice(0, 80)} takes ${method}`;
      const response = protocolError(405, 'method_not_allowed', said, context());
      response.headers.set('allow', `${method}, OPTIONS`);
      return response;
    });
  }
  app.notFound((c) => protocolError(404, 'unknown_url', `there is nothing at ${c.req.path.slice(0, 80)}`, context()));
  app.onError((error) => errorAnswer(error, context()));
  return app;
}

/** An answer for a client that went away has no reader, and its work was stopped. */
async function whileThere(c: Context, answer: () => Promise<Response>): Promise<Response> {
  try {
    return await answer();
  } catch (error) {
    if (c.req.raw.signal.aborted) return new Response(null, { status: CLIENT_CLOSED });
    throw error;
  }
}
