import { DTYPE_BYTES } from './backend.ts';
import type { OpenDevice } from './device.ts';
import { createBuffer } from './gpu-buffers.ts';
import type { Memory, OrtModule } from './memory.ts';

/** `writeBuffer` keeps copies until the GPU has taken them: no more than this at once. */
const MAX_BYTES_IN_FLIGHT = 64 * 1024 * 1024;

/** Buffer sizes and `writeBuffer` pieces are multiples of 4; the runtime binds storage in vec4s. */
const BUFFER_ALIGN = 16;

export interface GpuMemoryOptions {
  ort: OrtModule;
  open: OpenDevice;
  isBrokenByFailure: boolean;
}

/** Tensors as GPU buffers of one device, which dies with the stage. */
export function createGpuMemory({ ort, open, isBrokenByFailure }: GpuMemoryOptions): Memory {
  const { device } = open;
  let bytesInFlight = 0;

  async function settleWrites(bytes: number): Promise<void> {
    bytesInFlight += bytes;
    if (bytesInFlight < MAX_BYTES_IN_FLIGHT) return;
    bytesInFlight = 0;
    await device.queue.onSubmittedWorkDone();
  }

  return {
    isBrokenByFailure,
    sessionOptions: {
      // As an object: the string 'webgpu' would get a device of the runtime's own. NCHW, or
      // convolutions are wrapped in transposes.
      executionProviders: [{ name: 'webgpu', device, preferredLayout: 'NCHW' }],
      preferredOutputLocation: 'gpu-buffer',
      // An operator without a GPU kernel is a mistake in the graph, not something to do slowly and
      // silently.
      extra: { session: { disable_cpu_ep_fallback: '1' } },
    },

    async upload(dtype, dims, fill) {
      open.assertAlive();
      const bytes = dims.reduce((product, dim) => product * dim, 1) * DTYPE_BYTES[dtype];
      const buffer = await createBuffer(device, {
        label: `upload ${dtype} [${dims}]`,
        size: Math.max(BUFFER_ALIGN, Math.ceil(bytes / BUFFER_ALIGN) * BUFFER_ALIGN),
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      });
      try {
        await fill((byteOffset, piece) => {
          const whole = piece.byteLength % 4 === 0 ? piece : padded(piece);
          device.queue.writeBuffer(buffer, byteOffset, whole as Uint8Array<ArrayBuffer>);
        });
        await settleWrites(bytes);
        open.assertAlive();
      } catch (error) {
        buffer.destroy();
        throw error;
      }
      return { tensor: ort.Tensor.fromGpuBuffer(buffer, { dataType: dtype, dims }), free: () => buffer.destroy() };
    },

    outputBytes: () => 0,

    async read(tensor) {
      const source = tensor.gpuBuffer as GPUBuffer;
      const bytes = tensor.size * Float32Array.BYTES_PER_ELEMENT;
      const staging = await createBuffer(device, {
        label: 'readback',
        size: bytes,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      });
      try {
        const encoder = device.createCommandEncoder();
        encoder.copyBufferToBuffer(source, 0, staging, 0, bytes);
        device.queue.submit([encoder.finish()]);
        await staging.mapAsync(GPUMapMode.READ);
        return new Float32Array(staging.getMappedRange().slice(0));
      } finally {
        staging.destroy();
      }
    },

    assertAlive: open.assertAlive,
    explain: open.explain,
    close: async () => open.destroy(),
  };
}

function padded(piece: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(Math.ceil(piece.byteLength / 4) * 4);
  whole.set(piece);
  return whole;
}
