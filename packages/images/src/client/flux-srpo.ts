import type { ProbeReport } from '../probe/probe-report.ts';
import type { ModelStorage } from '../store/model-storage.ts';
import type { ImageRequest } from '../wire/request.ts';
import type { ImageResponse } from '../wire/response.ts';
import type {
  GenerateOptions,
  ImageRequestNonStreaming,
  ImageRequestStreaming,
  LoadedModel,
  LoadOptions,
} from './image-client.ts';
import type { ImageStream } from './image-stream.ts';
import type { PendingImage } from './kept-pictures.ts';
import type { QueueState } from './queue.ts';

/** The client: the endpoint as function calls, and the life of the model behind it. */
export interface FluxSrpo extends AsyncDisposable {
  /** Named as openai's client names it. */
  images: {
    /**
     * The events that HTTP gives: rough pictures, then the pictures, in base64. The run begins with
     * the first `next()`, and leaving the loop ends it.
     */
    generate(request: ImageRequestStreaming, options?: LoadOptions): Promise<ImageStream>;
    /** Loads the model if need be. Local runs come one after another; others wait in `queue`. */
    generate(request: ImageRequestNonStreaming, options?: GenerateOptions): Promise<ImageResponse>;
    /** For requests whose `stream` is known only at run time. */
    generate(request: ImageRequest, options?: GenerateOptions): Promise<ImageResponse | ImageStream>;
    /** Pictures that were begun with `resume: true`, in any tab, and are not done. */
    pending(): Promise<PendingImage[]>;
    /**
     * Goes on with such a picture after its last finished step, to the pixels of one that was not
     * disturbed. Rejects with `input/conflict` where another tab draws it, or where the model, the
     * backend or the graphics adapter is not the one that it began with.
     */
    resume(id: string, options?: GenerateOptions): Promise<ImageResponse>;
    /** Removes what is kept of such a picture. */
    forget(id: string): Promise<void>;
  };
  /**
   * Stops computing until `resume`, at the next run of a block: for the picture that is drawn here,
   * and those after it. What is loaded stays in memory, other tabs may draw, and a call can still
   * be aborted. Requests to a server go on.
   */
  pause(): void;
  /** Goes on after `pause`. */
  resume(): void;
  readonly isPaused: boolean;
  /** Local requests now. */
  readonly queue: QueueState;
  /** Models in this browser's storage: imported (`model: 'opfs:<id>'`), and kept by `load`. */
  readonly storage: ModelStorage;
  /**
   * Says whether and how this machine can run the model. Takes under a second, and fetches nothing
   * but `manifest.json`.
   */
  probe(options?: LoadOptions): Promise<ProbeReport>;
  /**
   * Starts the worker and opens the bundle. The answer says what the bundle holds and what computes
   * it. With backend `remote` it asks the server for its models.
   */
  load(options?: LoadOptions): Promise<LoadedModel>;
  /** Frees the model and its worker after all calls. The next call starts a new worker. */
  unload(): Promise<void>;
  /**
   * Removes the model's files from this browser's storage (`keep`), even while it is loaded here or
   * in another tab: weights that are not in memory are then fetched again. `storage.remove` refuses
   * while the model is loaded.
   */
  clearKept(): Promise<void>;
  /** Frees the memory behind a `blob:` URL of a response. */
  revokeImageUrl(url: string): void;
  /** Stops everything and revokes all `blob:` URLs. Pending calls reject with `AbortError`. */
  dispose(): Promise<void>;
}
