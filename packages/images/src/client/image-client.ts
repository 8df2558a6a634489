import type { Manifest, Progress } from '@flux-srpo/core';
import type { Preview } from '@flux-srpo/runtime';
import type { ImageEvent } from '../wire/events.ts';
import type { ModelFacts } from '../wire/model.ts';
import type { ImageRequest } from '../wire/request.ts';
import type { ImageResponse } from '../wire/response.ts';
import type { LocalModel } from '../worker/protocol.ts';

/**
 * A server's model. It has what `load` gives of a local model, except for what only a bundle knows.
 */
export interface RemoteModel extends ModelFacts {
  backend: 'remote';
  /** Everything the server has; `model` is the first. */
  models: string[];
  name: string;
  /** `unknown`: the server says which models it has, and no more. */
  licence: Manifest['licence'];
  examples: string[];
  compute?: undefined;
  memory?: undefined;
  isKept?: undefined;
  notKept?: undefined;
  fallback?: undefined;
}

/** What makes the pictures: the worker of this page, or with backend `remote` a server. */
export type LoadedModel = LocalModel | RemoteModel;

/** A request that is answered as a whole. */
export type ImageRequestNonStreaming = ImageRequest & { stream?: false | null };

/** A request that is answered as a stream of events. */
export type ImageRequestStreaming = ImageRequest & { stream: true };

/** What every call takes. */
export interface LoadOptions {
  /** Rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** While it loads: how much of the model's files is here. */
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** How to follow and end a generation. */
export interface GenerateOptions extends LoadOptions {
  /** Called between the model's blocks. `fraction` covers the whole call, loading included. */
  onProgress?: ((progress: Progress) => void) | undefined;
  /**
   * A rough picture after each step. A server sends as many as `partial_images` says, and there
   * `step` counts them.
   */
  onPartialImage?: ((image: Preview) => void) | undefined;
  /**
   * Keeps the request, prompt included, and the last finished step in this browser (IndexedDB)
   * until the picture is done or aborted: `images.pending()` and `images.resume(id)` go on after a
   * reload or a crash of the tab. A step is stored before anything after it is told. Only for
   * pictures that are drawn here. @default false
   */
  resume?: boolean | undefined;
}

/** A call inside the client. Its listeners do not throw. */
export interface Call extends GenerateOptions {
  signal: AbortSignal;
  /** A rough picture as an event, as many as `partial_images` says. */
  onEvent?: ((event: ImageEvent) => void) | undefined;
}

/** Makes pictures in one place: here or there. */
export interface ImageClient {
  load(call: Call): Promise<LoadedModel>;
  generate(request: ImageRequest, call: Call): Promise<ImageResponse>;
}
