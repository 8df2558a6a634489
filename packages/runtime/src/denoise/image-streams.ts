import type { DeviceTensor } from '../ort/backend.ts';
import { TensorScope } from '../parts/tensor-scope.ts';

/** The hidden states of one picture. Each new state frees the one before. */
export class ImageStreams {
  readonly #scope = new TensorScope();
  /** What `keep` took. */
  #kept: DeviceTensor | undefined;
  #img: DeviceTensor | undefined;
  /** Starts as the prompt's embedding, which all steps share and this object does not own. */
  #txt: DeviceTensor;

  constructor(text: DeviceTensor) {
    this.#txt = text;
  }

  /** [1, S_img, H]; after {@link join}, [1, S_txt + S_img, H]. */
  get img(): DeviceTensor {
    if (!this.#img) throw new Error('the image has not been embedded yet');
    return this.#img;
  }

  /** [1, S_txt, H] */
  get txt(): DeviceTensor {
    return this.#txt;
  }

  /** Takes the states that a block gave. */
  advance(img: DeviceTensor, txt?: DeviceTensor): void {
    this.#img = this.#scope.replace('img', img);
    if (txt) this.#txt = this.#scope.replace('txt', txt);
  }

  /** From here on the image stream holds [text, image]. */
  join(hidden: DeviceTensor): void {
    this.#scope.release();
    this.advance(hidden);
  }

  /** The streams have ended: only what the last layer made of them is held. */
  end(velocity: DeviceTensor): DeviceTensor {
    this.#img = undefined;
    return this.#scope.replace('img', velocity);
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
