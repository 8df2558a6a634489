import type { InferenceSession, Tensor } from 'onnxruntime-common';
import { DTYPE_BYTES, type Dtype, type HostTensor } from './backend.ts';
import type { Memory, OrtModule } from './memory.ts';

/**
 * Of freed tensors, kept for the next ones: a double block of FLUX.1 at q4 is 142 MB. Blocks that follow one another have tensors of the same
 * sizes, and what is left to the garbage collector instead is several blocks before it comes.
 */
const MAX_IDLE_BYTES = 160_000_000;

/** Tensors as plain typed arrays, for the providers that compute on the CPU (wasm, node). */
export function createCpuMemory(ort: OrtModule, sessionOptions: InferenceSession.SessionOptions): Memory {
  const idle = new Map<number, ArrayBuffer[]>();
  let idleBytes = 0;

  /** What is in a used one is nobody's: whoever uploads writes every byte. */
  function take(size: number): ArrayBuffer {
    const used = idle.get(size)?.pop();
    if (used !== undefined) idleBytes -= size;
    return used ?? new ArrayBuffer(size);
  }

  function give(buffer: ArrayBuffer): void {
    const size = buffer.byteLength;
    if (idleBytes + size > MAX_IDLE_BYTES) return;
    idleBytes += size;
    const others = idle.get(size);
    if (others === undefined) idle.set(size, [buffer]);
    else others.push(buffer);
  }

  return {
    sessionOptions,
    isBrokenByFailure: false,
    async upload(dtype, dims, fill) {
      const bytes = new Uint8Array(take(elements(dims) * DTYPE_BYTES[dtype]));
      await fill((byteOffset, piece) => bytes.set(piece, byteOffset));
      const data = viewAs(dtype, bytes);
      const tensor = new ort.Tensor(dtype, data, dims);
      // Where there is a Float16Array (Node 24) the tensor makes one of the bits, of which onnxruntime-node 1.30 reads nothing.
      if (dtype === 'float16') Object.defineProperty(tensor, 'data', { value: data });
      return { tensor, free: () => give(bytes.buffer) };
    },
    outputBytes: (bytes) => bytes,
    read: async (tensor: Tensor) => (tensor.data as Float32Array).slice(),
    assertAlive() {},
    explain: async () => undefined,
    close: async () => {},
  };
}

function elements(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

function viewAs(dtype: Dtype, bytes: Uint8Array<ArrayBuffer>): HostTensor['data'] {
  if (dtype === 'float32') return new Float32Array(bytes.buffer);
  if (dtype === 'float16') return new Uint16Array(bytes.buffer);
  return dtype === 'int64' ? new BigInt64Array(bytes.buffer) : bytes;
}
