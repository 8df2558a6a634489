/** Pieces of a tensor that are quantized at once, at most: the next one is read meanwhile, and more would only be held. */
export const PIECES_AT_ONCE = 2;

/** Those, one that is handed over and one that is read. */
const BUFFERS = PIECES_AT_ONCE + 2;

/**
 * Memory for the pieces of a conversion, which are read one after the other. New memory for each costs a sixth of the time: the system has to
 * clear it, and the garbage collector to find it.
 */
export class ReadMemory {
  readonly #buffers: ArrayBuffer[] = [];
  #next = 0;

  /** Memory of at least so many bytes, in use for the {@link PIECES_AT_ONCE} + 1 calls that follow. */
  take(bytes: number): ArrayBuffer {
    const at = this.#next;
    this.#next = (at + 1) % BUFFERS;
    if ((this.#buffers[at]?.byteLength ?? -1) < bytes) this.#buffers[at] = new ArrayBuffer(bytes);
    return this.#buffers[at]!;
  }
}
