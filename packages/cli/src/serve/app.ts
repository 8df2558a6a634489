import { InputError } from '@flux-srpo/core';
import type { HttpBindings } from '@hono/node-server';
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
import { note } from './exchange.ts';
import type { KeyRing, KeyUse } from './key-ring.ts';
import type { Metrics } from './metrics.ts';
import type { NodeEngine } from './node-engine.ts';
import type { PictureStore } from './picture-store.ts';

export interface AppOptions {
  engine: NodeEngine;
  /** Where the engine publishes pictures. */
  images: PictureStore;
  /** Absent: no key is asked for. */
  keys?: KeyRing | undefined;
  /** Origins of pages that may call, or `*`. Empty: none. */
  origins?: readonly string[];
  /**
   * Answer to these names only: a page that points its own name at this machine is refused. Absent:
   * to all.
   */
  hosts?: readonly string[] | undefined;
  /** Shown at `/metrics`, with a key where there are keys. Absent: nothing is there. */
  metrics?: Metrics | undefined;
  /** Says `cross-origin-opener-policy` and `-embedder-policy` with every answer. */
  isIsolated?: boolean;
  /** Aborts when the server is to stop, with the error that new requests get. */
  stopping?: AbortSignal | undefined;
  onError?: AnswerContext['onError'];
}

/**
 * What lets a page use threads. With them it may show only what allows it, such as these pictures.
 * @see https://html.spec.whatwg.org/multipage/browsers.html#coep
 */
const ISOLATION = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'cross-origin',
};

/** nginx's number for a client that went away; nobody reads it. */
const CLIENT_CLOSED = 499;

interface Env {
  /** Absent where no server is around, but a test. */
  Bindings: Partial<HttpBindings>;
  Variables: { key?: KeyUse };
}

/** The endpoint as a function from Request to Response. */
export function createApp(options: AppOptions): Hono<Env> {
  const { engine, images, keys, origins = [], hosts, metrics, isIsolated = false, stopping, onError } = options;
  // Some clients end a path with a slash.
  const app = new Hono<Env>({ strict: false });
  const context = (): AnswerContext => ({ requestId: newRequestId(), onError, onRefusal: metrics?.refused });

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
  if (isIsolated) {
    app.use(async (c, next) => {
      await next();
      for (const [name, value] of Object.entries(ISOLATION)) c.res.headers.set(name, value);
    });
  }
  if (keys !== undefined) {
    const askForKey = async (c: Context<Env>, next: () => Promise<void>) => {
      const key = keys.find(c.req.header('authorization'));
      // What a browser asks before a request carries no key.
      if (key === undefined && c.req.method !== 'OPTIONS') {
        const said = 'the Authorization header must carry the API key of this server';
        return errorAnswer(new InputError(said, { code: 'input/unauthorized' }), context());
      }
      if (key !== undefined) {
        c.set('key', key);
        if (c.env?.incoming !== undefined) note(c.env.incoming, { key: key.name });
      }
      return next();
    };
    app.use('/v1/*', askForKey);
    app.use('/metrics', askForKey);
  }

  app.post('/v1/images/generations', (c) =>
    whileThere(c, () => {
      if (stopping?.aborted) throw stopping.reason;
      const end = c.get('key')?.begin();
      if (end !== undefined) c.env?.outgoing?.once('close', end);
      return answerImages(c.req.raw, engine, context());
    }),
  );
  app.get('/v1/models', (c) => whileThere(c, () => answerModels(c.req.raw, engine, context())));
  app.get('/v1/models/:id{.+}', (c) =>
    whileThere(c, () => answerModels(c.req.raw, engine, context(), c.req.param('id'))),
  );
  app.get('/images/:file{[A-Za-z0-9_-]+\\.png}', async (c) => {
    const png = await images.get(c.req.param('file').slice(0, -'.png'.length));
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
  app.get('/ready', (c) => {
    const { waiting, max } = engine.queue;
    const isFull = max > 0 && waiting >= max;
    if (!isFull && !stopping?.aborted) return c.json({ status: 'ready' });
    const [code, said] = isFull ? ['queue_full', 'as many requests wait as may'] : ['server_stopping', 'it stops'];
    return protocolError(503, code, `this server takes no requests now: ${said}`, context());
  });
  if (metrics !== undefined) {
    app.get('/metrics', async (c) => c.body(await metrics.text(), 200, { 'content-type': metrics.contentType }));
  }
  for (const [path, method] of [
    ['/v1/images/generations', 'POST'],
    ['/v1/models', 'GET, HEAD'],
    ['/v1/models/:id{.+}', 'GET, HEAD'],
    ['/health', 'GET, HEAD'],
    ['/ready', 'GET, HEAD'],
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
async function whileThere(c: Context<Env>, answer: () => Promise<Response>): Promise<Response> {
  try {
    return await answer();
  } catch (error) {
    if (c.req.raw.signal.aborted) return new Response(null, { status: CLIENT_CLOSED });
    throw error;
  }
}
