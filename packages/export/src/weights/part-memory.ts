/** Typed arrays begin at multiples of this. */
const ALIGN = 16;

/**
 * Memory for what a part's slots become, used again for the next part. New memory for each slot
 * costs a fifth of a conversion that keeps blocks: the system has to clear it, and the garbage
 * collector comes each time that some of it has piled up.
 */
export class PartMemory {
  #buffer = new ArrayBuffer(0);
  /** Bytes that the part has taken, of the buffer and beside it. */
  #used = 0;

  /** @returns memory with old bytes in it: whoever takes it writes every one */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    const at = this.#used;
    this.#used += Math.ceil(bytes / ALIGN) * ALIGN;
    return this.#used > this.#buffer.byteLength ? new Uint8Array(bytes) : new Uint8Array(this.#buffer, at, bytes);
  }

  /** The part is written. All that was taken for it is given out again. */
  reuse(): void {
    if (this.#used > this.#buffer.byteLength) this.#buffer = new ArrayBuffer(this.#used);
    this.#used = 0;
  }
}
