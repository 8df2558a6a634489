import { InputError } from '@flux-srpo/core';
import { lazyModelStorage } from '../store/lazy-model-storage.ts';
import type { ImageRequest } from '../wire/request.ts';
import type { ImageResponse } from '../wire/response.ts';
import { askConsent, mayFallBack } from './fallback.ts';
import type { FluxSrpo } from './flux-srpo.ts';
import type { Home } from './home.ts';
import type { Call, GenerateOptions } from './image-client.ts';
import type { ImageStream } from './image-stream.ts';
import type { LocalClient } from './local-client.ts';
import { type FluxSrpoOptions, resolveOptions } from './options.ts';
import { pageHome } from './page-home.ts';
import { Queue } from './queue.ts';
import type { RemoteClient } from './remote-client.ts';
import { reporting } from './reporting.ts';

/**
 * FLUX.1 SRPO in a web worker of this page, or on a server where the caller allows it. Fetches
 * nothing before the first call.
 */
export function createFluxSrpo(options: FluxSrpoOptions): FluxSrpo {
  return createClient(options, pageHome);
}

/** The same, wherever it lives. */
export function createClient(options: FluxSrpoOptions, home: Home): FluxSrpo {
  const { local, remote, fallback, maxQueue } = resolveOptions(options, home);
  const queue = new Queue(maxQueue);
  const disposal = new AbortController();
  let here: LocalClient | undefined;
  let there: RemoteClient | undefined;
  let isPaused = false;

  /** Each is loaded when it is first used. */
  const clients = {
    async here() {
      // Both, so that whatever is asked later needs nothing more of the network.
      const [{ LocalClient }] = await Promise.all([import('./local-client.ts'), import('./image-stream.ts')]);
      disposal.signal.throwIfAborted();
      if (here === undefined) {
        here = new LocalClient(local!);
        if (isPaused) here.pauseRun();
      }
      return here;
    },
    async there() {
      const { RemoteClient } = await import('./remote-client.ts');
      there ??= new RemoteClient(remote!);
      return there;
    },
  };

  const begin = ({ signal, onProgress, onPartialImage, resume }: GenerateOptions): Call => {
    if (disposal.signal.aborted) {
      throw new InputError('this client was disposed; create another', { code: 'input/conflict' });
    }
    const either = signal === undefined ? disposal.signal : AbortSignal.any([signal, disposal.signal]);
    if (resume === true && local === undefined) {
      throw new InputError('resume must be left out where a server draws: nothing of its pictures is here to keep', {
        code: 'input/conflict',
        details: { field: 'resume' },
      });
    }
    return { signal: either, onProgress: reporting(onProgress), onPartialImage: reporting(onPartialImage), resume };
  };

  const generate = async (request: ImageRequest, call: Call): Promise<ImageResponse> => {
    call.signal.throwIfAborted();
    if (local === undefined) return (await clients.there()).generate(request, call);
    try {
      const client = clients.here();
      // A wrong request need not wait for its turn to be refused.
      const wrong = new AbortController();
      client.then((here) => here.check(request)).catch((error) => wrong.abort(error));
      const waiting = AbortSignal.any([call.signal, wrong.signal]);
      return await queue.run(async () => (await client).generate(request, call), waiting);
    } catch (error) {
      if (call.signal.aborted || !mayFallBack(fallback, error)) throw error;
      await askConsent(options.onFallback, error);
      call.signal.throwIfAborted();
      return (await clients.there()).generate(request, call);
    }
  };

  const stream = async (body: ImageRequest, call: Call): Promise<ImageStream> => {
    const { imageStream, checkStreamed } = await import('./image-stream.ts');
    checkStreamed(body);
    const request = { ...body, response_format: 'b64_json' } as const;
    return imageStream((onEvent, left) => {
      const signal = AbortSignal.any([call.signal, left]);
      return generate(request, { ...call, signal, onEvent });
    });
  };

  const dispose = async (): Promise<void> => {
    if (disposal.signal.aborted) return;
    const reason = new DOMException('the client was disposed', 'AbortError');
    disposal.abort(reason);
    here?.dispose(reason);
  };

  return {
    images: {
      // `stream` tells which of the two it is, as the overloads say.
      generate: (async (body: ImageRequest, options_: GenerateOptions = {}) => {
        const call = begin(options_);
        return body?.stream === true ? stream(body, call) : generate(body, call);
      }) as FluxSrpo['images']['generate'],
      async pending() {
        const { pendingImages } = await import('./kept-pictures.ts');
        return pendingImages();
      },
      async resume(id, options_ = {}) {
        const call = begin({ ...options_, resume: true });
        return queue.run(async () => (await clients.here()).resume(id, call), call.signal);
      },
      async forget(id) {
        const { forgetImage } = await import('./kept-pictures.ts');
        await forgetImage(id);
      },
    },
    pause() {
      isPaused = true;
      here?.pauseRun();
    },
    resume() {
      isPaused = false;
      void here?.resumeRun();
    },
    get isPaused() {
      return isPaused;
    },
    get queue() {
      return queue.state;
    },
    storage: lazyModelStorage(local?.input.backends ?? ['webgpu']),
    async probe(options_ = {}) {
      const { signal } = begin(options_);
      const { probe } = await import('../probe/probe.ts');
      return probe(local?.input, signal, home);
    },
    async load(options_ = {}) {
      const call = begin(options_);
      if (local === undefined) return (await clients.there()).load(call);
      // Whoever only asks what is loaded need not wait for a picture.
      return here?.model ?? queue.run(async () => (await clients.here()).load(call), call.signal);
    },
    async unload() {
      if (!disposal.signal.aborted) await queue.run(async () => here?.unload(), disposal.signal);
    },
    async clearKept() {
      if (local === undefined) return;
      const { forgetKept } = await import('../store/stored-models.ts');
      await forgetKept(local.input.model);
    },
    revokeImageUrl(url) {
      URL.revokeObjectURL(url);
      here?.forgetUrl(url);
    },
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}
