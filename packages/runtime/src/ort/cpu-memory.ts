import type { InferenceSession, Tensor } from 'onnxruntime-common';
import { DTYPE_BYTES, type Dtype, type HostTensor } from './backend.ts';
import type { Memory, OrtModule } from './memory.ts';
import type { Packing } from './packed-model.ts';

/**
 * Bytes of freed tensors that are kept for the next ones; a double block of FLUX.1 at q4 is 142 MB.
 * Blocks have tensors of the same sizes. Without this, several blocks pile up before the garbage
 * collector comes.
 */
const MAX_IDLE_BYTES = 160_000_000;

/** Tensors as plain typed arrays, for the providers that compute on the CPU (wasm, node). */
export function createCpuMemory(
  ort: OrtModule,
  sessionOptions: InferenceSession.SessionOptions,
  packing?: Packing,
): Memory {
  const idle = new Map<number, ArrayBuffer[]>();
  let idleBytes = 0;

  /** A used buffer has old bytes in it: whoever uploads writes every one. */
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
    packing,
    isBrokenByFailure: false,
    async upload(dtype, dims, fill) {
      const bytes = new Uint8Array(take(elements(dims) * DTYPE_BYTES[dtype]));
      await fill((byteOffset, piece) => bytes.set(piece, byteOffset));
      const data = viewAs(dtype, bytes);
      const tensor = new ort.Tensor(dtype, data, dims);
      // With Float16Array (Node 24) the tensor wraps the bits in one, which onnxruntime-node 1.30
      // cannot read.
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
