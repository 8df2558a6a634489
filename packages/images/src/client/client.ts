import { type FluxError, InputError, type Progress, randomSeed } from '@flux-srpo/core';
import type { Preview } from '@flux-srpo/runtime';
import type { ProbeReport } from '../probe/probe.ts';
import type { Remote, RemoteModel } from '../remote/index.ts';
import { lazyModelStorage } from '../store/lazy-model-storage.ts';
import type { ModelStorage } from '../store/model-storage.ts';
import { parseRequest } from '../wire/parse-request.ts';
import type { ImageRequest, ParsedRequest } from '../wire/request.ts';
import type { ImageResponse } from '../wire/response.ts';
import type { LocalModel, WorkerEvent } from '../worker/protocol.ts';
import { isUnsupported } from '../worker/recovery.ts';
import { askConsent, mayFallBack } from './fallback.ts';
import { LocalEngine } from './local-engine.ts';
import { type FluxSrpoOptions, resolveOptions } from './options.ts';
import { Queue, type QueueState } from './queue.ts';

/** What there is to ask for pictures: here, or on the server of backend `remote`. */
export type LoadedModel = LocalModel | RemoteModel;

/** What every call takes. */
export interface LoadOptions {
  /** Rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** While it loads: bytes of the model's files that are here. */
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** How to follow and end a generation. */
export interface GenerateOptions extends LoadOptions {
  /** Called between blocks of the model, many times a step. */
  onProgress?: ((progress: Progress) => void) | undefined;
  /** A rough picture after each step. From a server: those that `stream` and `partial_images` ask for, which `step` counts. */
  onPartialImage?: ((image: Preview) => void) | undefined;
}

/** The client: the endpoint as function calls, and the life of the model behind it. */
export interface FluxSrpo extends AsyncDisposable {
  /** Named as openai's client names it. */
  images: {
    /** Loads the model if need be. One local run at a time; the others wait in `queue`. */
    generate(request: ImageRequest, options?: GenerateOptions): Promise<ImageResponse>;
  };
  /** Local requests now. */
  readonly queue: QueueState;
  /** Models in this browser's storage: imported ones, which load with `model: 'opfs:<id>'`, and those that `load` kept (`keep`). */
  readonly storage: ModelStorage;
  /** Says whether and how this machine can run the model, in under a second; fetches nothing but `manifest.json`. */
  probe(options?: LoadOptions): Promise<ProbeReport>;
  /**
   * Starts the worker and opens the bundle; says what it holds and what computes it. With backend `remote`: asks the server for its
   * models.
   */
  load(options?: LoadOptions): Promise<LoadedModel>;
  /** Frees the model and its worker, after what runs and waits; the next call starts anew. */
  unload(): Promise<void>;
  /**
   * Removes the model's files from this browser's storage (`keep`), also while it is loaded here or in another tab: what is not in memory
   * then comes from the network again. `storage.remove` refuses while it is loaded.
   */
  clearKept(): Promise<void>;
  /** Frees the memory behind a `blob:` URL of a response. */
  revokeImageUrl(url: string): void;
  /** Stops everything and revokes the `blob:` URLs of every response. Pending calls reject with `AbortError`. */
  dispose(): Promise<void>;
}

/** FLUX.1 SRPO in a web worker of this page, or on a server where the caller allows it. Nothing is fetched before the first call. */
export function createFluxSrpo(options: FluxSrpoOptions): FluxSrpo {
  const { local, remote, fallback, maxQueue } = resolveOptions(options);
  const queue = new Queue(maxQueue);
  const engine = local === undefined ? undefined : new LocalEngine(local);
  const disposal = new AbortController();
  const urls = new Set<string>();
  /** Why this machine cannot run the model, once that is known. */
  let unsupported: FluxError | undefined;
  let loaded: LocalModel | undefined;
  let server: Remote | undefined;

  const assertUsable = (): void => {
    if (disposal.signal.aborted) {
      throw new InputError('this client was disposed; create another', { code: 'input/conflict' });
    }
  };

  /** The caller's signal, or the client's end. */
  const either = (signal: AbortSignal | undefined): AbortSignal =>
    signal === undefined ? disposal.signal : AbortSignal.any([signal, disposal.signal]);

  const localAnswer = (): Promise<typeof import('./local-answer.ts')> => import('./local-answer.ts');

  const load = async (local: LocalEngine, { signal, onProgress }: LoadOptions): Promise<LocalModel> => {
    if (unsupported !== undefined) throw unsupported;
    try {
      // Together, so that generating later needs nothing more of the network.
      [loaded] = await Promise.all([local.load({ signal, onEvent: listener(onProgress, undefined) }), localAnswer()]);
      return loaded;
    } catch (error) {
      if (isUnsupported(error)) unsupported = error as FluxError;
      throw error;
    }
  };

  /** Object URLs are made here, on the main thread: a worker's die with the worker. */
  const publish = (png: Uint8Array<ArrayBuffer>): string => {
    const url = URL.createObjectURL(new Blob([png], { type: 'image/png' }));
    urls.add(url);
    return url;
  };

  const runHere = async (
    { request, transport, warnings }: ParsedRequest,
    local: LocalEngine,
    { signal, onProgress, onPartialImage }: GenerateOptions,
  ): Promise<ImageResponse> => {
    await load(local, { signal, onProgress });
    const { toEngineRequest, localResponse, partialWarnings } = await localAnswer();
    // Chosen here, so that a second try draws the same picture.
    const seed = request.seed ?? randomSeed();
    const [output, model] = await local.generate((model) => toEngineRequest({ ...request, seed }, model), {
      signal,
      onEvent: listener(onProgress, onPartialImage),
    });
    const said = [...warnings, ...partialWarnings(request, onPartialImage !== undefined)];
    return localResponse(output, { transport, model: model.model, device: model.backend, warnings: said, publish });
  };

  const service = async (): Promise<[Remote, typeof import('../remote/index.ts')]> => {
    const module = await import('../remote/index.ts');
    server ??= module.createRemote(remote!);
    return [server, module];
  };

  const runThere = async (body: ImageRequest, { signal, onPartialImage }: GenerateOptions): Promise<ImageResponse> => {
    const [there, { generateThere }] = await service();
    const hear =
      onPartialImage && ((image: Preview) => listener(undefined, onPartialImage)({ type: 'partial-image', image }));
    return generateThere(there, body, { signal: either(signal), onPartialImage: hear });
  };

  const dispose = async (): Promise<void> => {
    if (disposal.signal.aborted) return;
    const reason = new DOMException('the client was disposed', 'AbortError');
    disposal.abort(reason);
    queue.clear(reason);
    engine?.dispose(reason);
    for (const url of urls) URL.revokeObjectURL(url);
    urls.clear();
  };

  return {
    images: {
      async generate(body, options_ = {}) {
        assertUsable();
        const { signal } = options_;
        const parsed = parseRequest(body, { mayOmitModel: true });
        signal?.throwIfAborted();
        if (engine === undefined) return runThere(body, options_);
        try {
          return await queue.run(() => runHere(withoutStream(parsed), engine, options_), signal);
        } catch (error) {
          if (signal?.aborted || disposal.signal.aborted || !mayFallBack(fallback, error)) throw error;
          await askConsent(options.onFallback, error);
          either(signal).throwIfAborted();
          return runThere(body, options_);
        }
      },
    },
    get queue() {
      return queue.state;
    },
    storage: lazyModelStorage(),
    async probe({ signal } = {}) {
      assertUsable();
      const { probe } = await import('../probe/probe.ts');
      return probe(local?.input, either(signal));
    },
    async load(options_ = {}) {
      assertUsable();
      const { signal } = options_;
      if (engine === undefined) {
        const [there, { remoteModel }] = await service();
        return remoteModel(there, either(signal));
      }
      // Whoever only asks what is loaded need not wait for a picture.
      return loaded ?? queue.run(() => load(engine, options_), signal);
    },
    async unload() {
      if (engine === undefined) return;
      await queue.run(async () => {
        loaded = undefined;
        unsupported = undefined;
        await engine.unload();
      });
    },
    async clearKept() {
      if (local === undefined) return;
      const { forgetKeptModel } = await import('../store/cache/cache-models.ts');
      await forgetKeptModel(local.input.model);
    },
    revokeImageUrl(url) {
      URL.revokeObjectURL(url);
      urls.delete(url);
    },
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}

/** A function call has callbacks where HTTP has a stream. */
function withoutStream({ request, warnings, ...rest }: ParsedRequest): ParsedRequest {
  const { stream, partial_images: _, ...others } = request;
  if (stream !== true) return { ...rest, request: others, warnings };
  const reason = 'a function call reports to onPartialImage instead';
  return { ...rest, request: others, warnings: [...warnings, { field: 'stream', reason }] };
}

/** An exception of the caller's own callback is the page's to report; it does not end the run. */
function listener(onProgress: GenerateOptions['onProgress'], onPartialImage: GenerateOptions['onPartialImage']) {
  return (event: WorkerEvent): void => {
    try {
      if (event.type === 'progress') onProgress?.(event.progress);
      else onPartialImage?.(event.image);
    } catch (error) {
      reportError(error);
    }
  };
}
