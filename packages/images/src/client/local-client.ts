import { type FluxError, randomSeed } from '@flux-srpo/core';
import { modelWarnings, toEngineRequest } from '../wire/model.ts';
import { parseRequest } from '../wire/parse-request.ts';
import type { CheckedRequest, ImageRequest, ParsedRequest, RequestWarning } from '../wire/request.ts';
import { type ImageResponse, localResponse, partialWarnings } from '../wire/response.ts';
import { roughPictures } from '../wire/rough-pictures.ts';
import type { LocalModel } from '../worker/protocol.ts';
import { isUnsupported } from '../worker/recovery.ts';
import type { Call, ImageClient } from './image-client.ts';
import { KeptPicture } from './kept-pictures.ts';
import { KeptSteps } from './kept-steps.ts';
import { LocalEngine, type LocalEngineOptions } from './local-engine.ts';

const SHORT_OF_MEMORY: RequestWarning = {
  field: 'memoryBudget',
  reason:
    'the GPU ran out of memory, so less of the model stays there: pictures take longer. unload() goes back to the usual plan',
};

/** Makes pictures in a worker of this page, one call at a time. */
export class LocalClient implements ImageClient {
  readonly #engine: LocalEngine;
  readonly #urls = new Set<string>();
  #isDisposed = false;
  /** Why this machine cannot run the model, once that is known. */
  #unsupported: FluxError | undefined;

  constructor(options: LocalEngineOptions) {
    this.#engine = new LocalEngine(options);
  }

  /** The model that is loaded now. */
  get model(): LocalModel | undefined {
    return this.#engine.model;
  }

  load(call: Call): Promise<LocalModel> {
    return this.#ifSupported(() => this.#engine.load(call));
  }

  /** @throws InputError for a request that is wrong */
  check(body: ImageRequest): ParsedRequest {
    return parseRequest(body);
  }

  async generate(body: ImageRequest, call: Call): Promise<ImageResponse> {
    // Drawn here, so that a second try gives the same picture.
    const { seed = randomSeed() } = this.check(body).request;
    const request = { ...body, seed };
    if (call.resume !== true) return this.#draw(request, call);
    return this.#keeping(await KeptPicture.begin(request), call);
  }

  /** @throws InputError where no such picture can go on */
  async resume(id: string, call: Call): Promise<ImageResponse> {
    return this.#keeping(await KeptPicture.open(id), call);
  }

  /** Stops computing until `resumeRun`. */
  pauseRun(): void {
    this.#engine.pause();
  }

  resumeRun(): Promise<void> {
    return this.#engine.resume();
  }

  /** The picture is removed when it is done, or was given up by the caller. */
  async #keeping(picture: KeptPicture, call: Call): Promise<ImageResponse> {
    let isKept = true;
    try {
      const response = await this.#draw(picture.request, call, picture);
      isKept = false;
      if (picture.failure === undefined) return response;
      const reason = `its steps could not be stored, so it could not have gone on: ${String(picture.failure)}`;
      return { ...response, warnings: [...response.warnings, { field: 'resume', reason }] };
    } catch (error) {
      // A client is disposed when its page goes, and a page that goes may come back.
      const isGivenUp = call.signal.aborted && !this.#isDisposed;
      isKept = !isGivenUp && picture.hasSteps;
      throw error;
    } finally {
      await picture.close(isKept);
    }
  }

  async #draw(body: ImageRequest, call: Call, picture?: KeptPicture): Promise<ImageResponse> {
    const { request, transport, warnings } = this.check(body);
    const prepare = (model: LocalModel) => toEngineRequest(request, model);
    const heard = withEvents(request, call);
    const [output, model] = await this.#ifSupported(() =>
      this.#engine.generate(prepare, picture?.afterSaving(heard) ?? heard, new KeptSteps(picture)),
    );
    const wantsPartials = call.onPartialImage !== undefined || call.onEvent !== undefined;
    return localResponse(output, {
      transport,
      model: model.model,
      device: model.backend,
      warnings: [
        ...warnings,
        ...modelWarnings(request, model),
        ...partialWarnings(request, wantsPartials),
        ...(this.#engine.isShortOfMemory ? [SHORT_OF_MEMORY] : []),
      ],
      publish: this.#publish,
    });
  }

  async unload(): Promise<void> {
    this.#unsupported = undefined;
    await this.#engine.unload();
  }

  /** A URL that was revoked. */
  forgetUrl(url: string): void {
    this.#urls.delete(url);
  }

  /** Stops the worker, and revokes every URL. */
  dispose(reason: unknown): void {
    this.#isDisposed = true;
    this.#engine.end(reason);
    for (const url of this.#urls) URL.revokeObjectURL(url);
    this.#urls.clear();
  }

  async #ifSupported<T>(work: () => Promise<T>): Promise<T> {
    if (this.#unsupported !== undefined) throw this.#unsupported;
    try {
      return await work();
    } catch (error) {
      if (isUnsupported(error)) this.#unsupported = error as FluxError;
      throw error;
    }
  }

  /** Made on the page: a worker's object URLs end with the worker. */
  readonly #publish = (png: Uint8Array<ArrayBuffer>): string => {
    const url = URL.createObjectURL(new Blob([png], { type: 'image/png' }));
    this.#urls.add(url);
    return url;
  };
}

/** The call, whose previews become events where those are wanted. */
function withEvents(request: CheckedRequest, call: Call): Call {
  const { onProgress, onEvent } = call;
  if (onEvent === undefined) return call;
  const events = roughPictures(request, onEvent);
  return {
    ...call,
    onProgress(progress) {
      events.onProgress(progress);
      onProgress?.(progress);
    },
    onPartialImage: events.onPartialImage,
  };
}
