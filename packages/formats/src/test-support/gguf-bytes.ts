/** What a GGUF file says; whatever is left out is true. */
export interface GgufDraft {
  magic?: string;
  version?: number;
  /** Counts to claim in place of the real ones. */
  tensorCount?: bigint;
  metadataCount?: bigint;
  /** [key, type, value]: `raw` is the bytes of type and value. */
  metadata?: [key: string, type: 'u32' | 'u64' | 'string' | 'strings' | 'raw', value: unknown][];
  tensors?: GgufTensorDraft[];
  /** Bytes to cut from the end, or to add where negative. */
  cut?: number;
}

export interface GgufTensorDraft {
  name: string;
  /** Length to claim for the name. */
  nameBytes?: bigint;
  /** Innermost first, as the file has them. */
  dims: (number | bigint)[];
  rank?: number;
  /** ggml's number; 0, float32, by default. */
  type?: number;
  /** Of its data; four for each weight by default. */
  bytes?: number;
  /** In place of where the data really is, from the start of all data. */
  offset?: bigint;
}

/** A GGUF file by the letter of the specification, lies included; its tensors are zeros. */
export function ggufBytes(draft: GgufDraft): Uint8Array {
  const { metadata = [], tensors = [] } = draft;
  const out = new Writer();
  out.raw(new TextEncoder().encode(draft.magic ?? 'GGUF'));
  out.u32(draft.version ?? 3);
  out.u64(draft.tensorCount ?? BigInt(tensors.length));
  out.u64(draft.metadataCount ?? BigInt(metadata.length));
  for (const [key, type, value] of metadata) {
    out.string(key);
    writeValue(out, type, value);
  }
  const claimed = metadata.find(([key, type]) => key === 'general.alignment' && type === 'u32')?.[2] as number;
  const alignment = claimed > 0 && claimed < 2 ** 20 ? claimed : 32;
  let at = 0;
  for (const { name, nameBytes, dims, rank, type = 0, bytes, offset } of tensors) {
    out.u64(nameBytes ?? BigInt(new TextEncoder().encode(name).length));
    out.raw(new TextEncoder().encode(name));
    out.u32(rank ?? dims.length);
    for (const dim of dims) out.u64(BigInt(dim));
    out.u32(type);
    out.u64(offset ?? BigInt(at));
    const size = bytes ?? 4 * dims.reduce((product: number, dim) => product * Number(dim), 1);
    // A lie about the shape makes no data.
    if (size < 2 ** 20) at = Math.ceil((at + size) / alignment) * alignment;
  }
  out.align(alignment);
  out.raw(new Uint8Array(Math.max(0, at - (draft.cut ?? 0))));
  return out.bytes();
}

function writeValue(out: Writer, type: string, value: unknown): void {
  if (type === 'raw') out.raw(value as Uint8Array);
  else if (type === 'u32') {
    out.u32(4);
    out.u32(value as number);
  } else if (type === 'u64') {
    out.u32(10);
    out.u64(value as bigint);
  } else if (type === 'string') {
    out.u32(8);
    out.string(value as string);
  } else {
    out.u32(9);
    out.u32(8);
    out.u64(BigInt((value as string[]).length));
    for (const item of value as string[]) out.string(item);
  }
}

class Writer {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  raw(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#length += bytes.length;
  }

  u32(value: number): void {
    this.raw(new Uint8Array(Uint32Array.of(value).buffer));
  }

  u64(value: bigint): void {
    this.raw(new Uint8Array(BigUint64Array.of(value).buffer));
  }

  string(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.u64(BigInt(bytes.length));
    this.raw(bytes);
  }

  align(unit: number): void {
    this.raw(new Uint8Array(Math.ceil(this.#length / unit) * unit - this.#length));
  }

  bytes(): Uint8Array {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      out.set(piece, at);
      at += piece.length;
    }
    return out;
  }
}
