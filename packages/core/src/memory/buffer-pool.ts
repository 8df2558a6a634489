import { bucketBytes, LARGEST_BUCKET } from './buffer-buckets.ts';

/** Dispatches that the runtime records before it submits them to the GPU. */
const DISPATCHES_PER_SUBMIT = 16;

/**
 * Plays what ONNX Runtime Web does with its work buffers on WebGPU, to find the most bytes that a
 * sequence of runs takes at once. A freed buffer of a bucket is used again and never destroyed. A
 * larger one is not used again: it is destroyed once the commands that used it have been submitted.
 * (Seen in the order of `createBuffer`, `destroy` and `submit` of a decode.)
 */
export class BufferPool {
  readonly #idle = new Map<number, number>();
  #pending = 0;
  #dispatches = 0;
  #bytes = 0;
  /** The most bytes at once. */
  peak = 0;
  /** The largest buffer. */
  largest = 0;

  /** Runs one operator: makes a buffer of `bytes`, then frees `inputs` for good. */
  operator(bytes: number, inputs: readonly number[] = [], dispatches = 1): number {
    this.take(bytes);
    for (let i = 0; i < dispatches; i++) {
      this.#dispatches += 1;
      if (this.#dispatches % DISPATCHES_PER_SUBMIT === 0) this.submit();
    }
    for (const input of inputs) this.free(input);
    return bytes;
  }

  take(bytes: number): number {
    const size = bucketBytes(bytes);
    const idle = this.#idle.get(size) ?? 0;
    if (idle > 0) this.#idle.set(size, idle - 1);
    else this.#bytes += size;
    this.peak = Math.max(this.peak, this.#bytes);
    this.largest = Math.max(this.largest, size);
    return bytes;
  }

  free(bytes: number): void {
    const size = bucketBytes(bytes);
    if (size > LARGEST_BUCKET) this.#pending += size;
    else this.#idle.set(size, (this.#idle.get(size) ?? 0) + 1);
  }

  /** Submits the recorded commands. The runtime also does so at the end of every run. */
  submit(): void {
    this.#bytes -= this.#pending;
    this.#pending = 0;
    this.#dispatches = 0;
  }
}
