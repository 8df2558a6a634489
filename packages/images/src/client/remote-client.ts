import { createRemote, type Remote } from '../remote/create-remote.ts';
import { generateThere, type RemoteModel, remoteModel } from '../remote/generate-there.ts';
import type { RemoteOptions } from '../remote/options.ts';
import { partialImageEvent } from '../wire/events.ts';
import { pngSize } from '../wire/png-size.ts';
import type { ImageRequest } from '../wire/request.ts';
import { type ImageResponse, unixSeconds } from '../wire/response.ts';
import type { Call, ImageClient } from './image-client.ts';

/** Has pictures made by a server. */
export class RemoteClient implements ImageClient {
  readonly #remote: Remote;

  constructor(options: RemoteOptions) {
    this.#remote = createRemote(options);
  }

  load({ signal }: Call): Promise<RemoteModel> {
    return remoteModel(this.#remote, signal);
  }

  generate(request: ImageRequest, { signal, onPartialImage, onEvent }: Call): Promise<ImageResponse> {
    if (onEvent === undefined) return generateThere(this.#remote, request, { signal, onPartialImage });
    return this.#remote.generate(request, {
      signal,
      onPartial: ({ image, index, base64, size = pngSize(base64) }) =>
        onEvent(partialImageEvent({ b64_json: base64, created: unixSeconds(), size, image }, index)),
    });
  }
}
