import { FormatError } from '@flux-srpo/core';
import { type ByteSource, type Bytes, checkRange } from './byte-source.ts';

/** Where a tensor's bytes are in its file. */
export interface TensorPlace {
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Length in bytes. */
  readonly bytes: number;
}

/** An open file of named tensors, which are read in ranges. Whoever opened the source closes it. */
export class TensorFile<Info extends TensorPlace> {
  /** In the order of their data. */
  readonly tensors: ReadonlyMap<string, Info>;
  readonly #source: ByteSource;

  constructor(source: ByteSource, tensors: ReadonlyMap<string, Info>) {
    this.#source = source;
    this.tensors = tensors;
  }

  /** What the header says of a tensor; throws where there is none of that name. */
  info(name: string): Info {
    const info = this.tensors.get(name);
    if (info !== undefined) return info;
    throw new FormatError(`${this.#source.name}: expected a tensor "${name}", got none; is it the right file?`, {
      code: 'format/tensor-missing',
      details: { name: this.#source.name, tensor: name },
    });
  }

  /**
   * `length` bytes from `byteOffset` within a tensor, as the file has them.
   * @param into memory of `length` bytes or more that may be used instead of a new buffer
   */
  async readRange(
    name: string,
    byteOffset: number,
    length: number,
    signal?: AbortSignal,
    into?: ArrayBuffer,
  ): Promise<Bytes> {
    const { offset, bytes } = this.info(name);
    checkRange({ size: bytes, name: `${this.#source.name} "${name}"` }, byteOffset, length);
    return await this.#source.read(offset + byteOffset, length, signal, into);
  }
}
