import type { Progress } from '@flux-srpo/core';
import type { Preview } from '@flux-srpo/runtime';
import type { RemoteModel } from '../remote/index.ts';
import type { ImageEvent } from '../wire/events.ts';
import type { ImageRequest } from '../wire/request.ts';
import type { ImageResponse } from '../wire/response.ts';
import type { LocalModel } from '../worker/protocol.ts';

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
