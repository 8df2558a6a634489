import { limitTooSmall, outOfMemory } from './device-errors.ts';
import type { Ledger } from './ledger.ts';

/**
 * Makes `device.createBuffer` tell the ledger, for us and for the runtime, which holds the same
 * object. Returns a function that notes that all its buffers are gone.
 */
export function countBuffers(device: GPUDevice, ledger: Ledger): () => void {
  const live = new Set<() => void>();
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    const release = ledger.hold('buffer', { bytes: descriptor.size });
    live.add(release);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      live.delete(release);
      release();
      return destroy();
    };
    return buffer;
  };
  return () => {
    for (const release of live) release();
    live.clear();
  };
}

/** `device.createBuffer` whose failure is an error here and not an invalid buffer later. */
export async function createBuffer(device: GPUDevice, descriptor: GPUBufferDescriptor): Promise<GPUBuffer> {
  const { size } = descriptor;
  if (size > device.limits.maxBufferSize) throw limitTooSmall('maxBufferSize', size, device.limits.maxBufferSize);
  device.pushErrorScope('validation');
  device.pushErrorScope('out-of-memory');
  const buffer = device.createBuffer(descriptor);
  const [memoryError, validationError] = await Promise.all([device.popErrorScope(), device.popErrorScope()]);
  const error = memoryError ?? validationError;
  if (error === null) return buffer;
  buffer.destroy();
  throw outOfMemory(`a buffer of ${size} bytes: ${error.message}`, { bytes: size });
}
