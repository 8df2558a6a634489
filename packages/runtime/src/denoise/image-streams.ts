import type { DeviceTensor } from '../ort/backend.ts';
import { TensorScope } from '../parts/tensor-scope.ts';

/** The hidden states of one picture. Each new state frees the one before. */
export class ImageStreams {
  readonly #scope = new TensorScope();
  /** What `keep` took. */
  #kept: DeviceTensor | undefined;
  #img: DeviceTensor | undefined;
  #joined: DeviceTensor | undefined;
  /** Starts as the prompt's embedding, which all steps share and this object does not own. */
  #txt: DeviceTensor;

  constructor(text: DeviceTensor) {
    this.#txt = text;
  }

  /** [1, S_img, H], until the streams are joined. */
  get img(): DeviceTensor {
    if (!this.#img) throw new Error('the image has not been embedded yet, or the streams are joined');
    return this.#img;
  }

  /** [1, S_txt, H] */
  get txt(): DeviceTensor {
    return this.#txt;
  }

  /** [1, S_txt + S_img, H], or [1, S_img, H] where the step cache answered. */
  get joined(): DeviceTensor {
    if (!this.#joined) throw new Error('the streams have not been joined yet');
    return this.#joined;
  }

  /** Takes the states that a double block gave. */
  advance(img: DeviceTensor, txt?: DeviceTensor): void {
    this.#img = this.#scope.replace('img', img);
    if (txt) this.#txt = this.#scope.replace('txt', txt);
  }

  /** Takes [text, image] in one stream, as joined or as a single block gave it. */
  join(hidden: DeviceTensor): void {
    this.#scope.release();
    this.#img = undefined;
    this.#joined = this.#scope.replace('joined', hidden);
  }

  /** The streams have ended: only what the last layer made of them is held. */
  end(velocity: DeviceTensor): DeviceTensor {
    this.#scope.release();
    this.#joined = undefined;
    return this.#scope.replace('velocity', velocity);
  }

  /** Keeps the image stream as it is now for the step cache, in place of what was kept before. */
  keep(): void {
    this.#kept?.dispose();
    this.#kept = this.img;
    this.#scope.forget('img');
  }

  get kept(): DeviceTensor {
    if (!this.#kept) throw new Error('nothing was kept yet');
    return this.#kept;
  }

  release(): void {
    this.#scope.release();
    this.#kept?.dispose();
  }
}
