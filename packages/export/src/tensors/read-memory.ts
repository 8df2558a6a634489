/** Pieces of a tensor quantized at once. The next is read meanwhile; more only take memory. */
export const PIECES_AT_ONCE = 2;

/** The pieces being quantized, one that is handed over and one that is being read. */
const BUFFERS = PIECES_AT_ONCE + 2;

/**
 * Memory for the pieces of a conversion, used in turn. New memory for each piece costs a sixth of
 * the whole time: the system has to clear it, and the garbage collector to find it.
 */
export class ReadMemory {
  readonly #buffers: ArrayBuffer[] = [];
  #next = 0;

  /**
   * At least `bytes` of memory. It is given out again after {@link PIECES_AT_ONCE} + 1 further
   * calls.
   */
  take(bytes: number): ArrayBuffer {
    const at = this.#next;
    this.#next = (at + 1) % BUFFERS;
    if ((this.#buffers[at]?.byteLength ?? -1) < bytes) this.#buffers[at] = new ArrayBuffer(bytes);
    return this.#buffers[at]!;
  }
}
