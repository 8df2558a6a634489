import { InputError, type Progress } from '@flux-srpo/core';
import type { Preview } from '@flux-srpo/runtime';
import type { LoadedModel, LoadInput, WorkerEvent } from './protocol.ts';
import { toResponse } from './to-response.ts';
import { toEngineRequest } from './wire/model.ts';
import { type ImageRequest, parseRequest } from './wire/request.ts';
import type { ImageResponse } from './wire/response.ts';
import { WorkerLink } from './worker-link.ts';

export interface FluxSrpoOptions {
  /** URL of a bundle's folder, relative to the page. */
  model: string | URL;
  /** `auto` takes WebGPU, and wasm where WebGPU cannot be had. @default 'auto' */
  backend?: 'auto' | 'webgpu' | 'wasm';
  /** URL of the worker's module, for bundlers that do not understand `new Worker(new URL(…))`. */
  workerUrl?: string | URL;
  /** URL of onnxruntime-web's .wasm file, where the bundler does not place it. */
  wasmUrl?: string | URL;
}

export interface LoadOptions {
  /** Rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

export interface GenerateOptions extends LoadOptions {
  onProgress?: ((progress: Progress) => void) | undefined;
  /** A rough picture after each step. */
  onPartialImage?: ((image: Preview) => void) | undefined;
}

export interface FluxSrpo extends AsyncDisposable {
  images: {
    /** Loads the model if need be. Calls run one after another. */
    generate(request: ImageRequest, options?: GenerateOptions): Promise<ImageResponse>;
  };
  /** Starts the worker and opens the bundle; says what it holds and what computes it. */
  load(options?: LoadOptions): Promise<LoadedModel>;
  /** Frees the model's memory; the next call loads it again. */
  unload(): Promise<void>;
  /** Stops the worker and revokes the `blob:` URLs of every response. Pending calls reject with `AbortError`. */
  dispose(): Promise<void>;
}

/** FLUX.1 SRPO in a web worker of this page. Nothing is fetched before the first call. */
export function createFluxSrpo(options: FluxSrpoOptions): FluxSrpo {
  const input: LoadInput = {
    model: new URL(options.model, document.baseURI).href,
    backend: options.backend ?? 'auto',
    ...(options.wasmUrl === undefined ? {} : { wasmUrl: new URL(options.wasmUrl, document.baseURI).href }),
  };
  const urls = new Set<string>();
  let link: WorkerLink | undefined;
  let isDisposed = false;

  /** The worker, a new one after a crash. */
  const connect = (): WorkerLink => {
    if (isDisposed) {
      throw new InputError('this client was disposed; create another', { code: 'input/conflict' });
    }
    link ??= new WorkerLink(startWorker(options.workerUrl), () => {
      link = undefined;
    });
    return link;
  };

  const loadModel = (worker: WorkerLink, signal: AbortSignal | undefined): Promise<LoadedModel> =>
    worker.call((api, call) => api.load(call, input), { signal });

  const dispose = async (): Promise<void> => {
    isDisposed = true;
    link?.end(new DOMException('the client was disposed', 'AbortError'));
    link = undefined;
    for (const url of urls) URL.revokeObjectURL(url);
    urls.clear();
  };

  return {
    images: {
      async generate(body, { signal, onProgress, onPartialImage } = {}) {
        const parsed = parseRequest(body);
        if (parsed.request.stream === true) throw streamIsForHttp();
        const worker = connect();
        const model = await loadModel(worker, signal);
        const engineRequest = toEngineRequest(parsed.request, model);
        const output = await worker.call((api, call, notify) => api.generate(call, engineRequest, notify), {
          signal,
          notify: listener(onProgress, onPartialImage),
        });
        const response = toResponse(output, parsed, model);
        for (const { url } of response.data) if (url !== '') urls.add(url);
        return response;
      },
    },
    async load({ signal } = {}) {
      return loadModel(connect(), signal);
    },
    async unload() {
      await link?.call((api, call) => api.unload(call), {});
    },
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}

function startWorker(url: string | URL | undefined): Worker {
  // The literal form is what bundlers look for.
  if (url === undefined) return new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  return new Worker(new URL(url, document.baseURI), { type: 'module' });
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

function streamIsForHttp(): InputError {
  return new InputError('stream can only be false here, got true; use onPartialImage, or flux-srpo/fetch for events', {
    code: 'input/field-unsupported',
    details: { field: 'stream' },
  });
}
