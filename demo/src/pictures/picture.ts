import type { CountedMemory, ImageRequestNonStreaming, Timings } from 'flux-srpo';
import type { ServerSettings } from '../server.ts';

/** A finished picture and all that is known of it. It is stored as it is, without `url`. */
export interface Picture {
  /** Sorts by time. */
  id: string;
  /** Milliseconds since 1970. */
  created: number;
  png: Blob;
  /** `blob:` URL of `png`, this page's own. */
  url: string;
  /** What draws it again. */
  request: ImageRequestNonStreaming;
  /** Which picture of its batch, from 0. */
  index: number;
  width: number;
  height: number;
  /** Address of the model, for `createFluxSrpo`, or of the server. */
  bundle: string;
  /** Human name of the model. */
  modelName: string;
  /** What computed it. */
  device: 'webgpu' | 'wasm' | 'remote';
  /** The server that drew it. */
  host?: string;
  /** What that server speaks. */
  service?: ServerSettings['service'];
  /** Of the whole batch. */
  seconds: number;
  timings?: Timings;
  memory?: CountedMemory;
}

export type StoredPicture = Omit<Picture, 'url'>;

export function withUrl(stored: StoredPicture): Picture {
  return { ...stored, url: URL.createObjectURL(stored.png) };
}

export function fileName({ request, index }: Picture): string {
  const seed = request.seed ?? 'picture';
  return index === 0 ? `flux-srpo-${seed}.png` : `flux-srpo-${seed}-${index + 1}.png`;
}
