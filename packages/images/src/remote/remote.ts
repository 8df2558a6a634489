import type { ImageRequest, RequestWarning } from '../wire/request.ts';
import type { ImageResponse } from '../wire/response.ts';
import type { StreamedPartial } from './stream-reader.ts';

/** How to follow and end one request. */
export interface RemoteCallOptions {
  /** Rejects with the signal's reason and closes the connection. */
  signal?: AbortSignal | undefined;
  /** Called as warnings arise; all of them are in the response, too. */
  onWarning?: ((warning: RequestWarning) => void) | undefined;
  /** Called with the rough pictures that `stream` and `partial_images` ask for. */
  onPartial?: ((partial: StreamedPartial) => void) | undefined;
}

/** The endpoint on a server. */
export interface Remote {
  /**
   * The same request and response as locally. The prompt goes to the service, and to nobody else.
   */
  generate(request: ImageRequest, options?: RemoteCallOptions): Promise<ImageResponse>;
  /** Names of the models that the service has. */
  models(options?: Pick<RemoteCallOptions, 'signal'>): Promise<string[]>;
}
