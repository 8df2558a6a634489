/** Peak bytes of the devices with one label. */
export interface GpuPeak {
  /** All buffers. */
  bytes: number;
  /** Buffers of uploaded weights, at their own peak. */
  uploaded: number;
}

export type GpuPeaks = Record<string, GpuPeak>;

/**
 * Evaluated inside a worker: from here on its GPU devices count the buffers that they hold, apart
 * from the library's own ledger. The function travels as text. It contains no named functions,
 * because some compilers mark those with helpers that the worker does not have.
 */
export function countGpuBytes(): boolean {
  if (typeof GPUAdapter === 'undefined') return false;
  const peaks: GpuPeaks = {};
  Object.assign(globalThis, { gpuPeaks: peaks });
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (asked) {
    const device = await requestDevice.call(this, asked);
    const label = asked?.label ?? '';
    peaks[label] ??= { bytes: 0, uploaded: 0 };
    const peak = peaks[label];
    let bytes = 0;
    let uploaded = 0;
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      const buffer = createBuffer(descriptor);
      const weight = descriptor.label?.startsWith('upload') ? descriptor.size : 0;
      bytes += descriptor.size;
      uploaded += weight;
      peak.bytes = Math.max(peak.bytes, bytes);
      peak.uploaded = Math.max(peak.uploaded, uploaded);
      const destroy = buffer.destroy.bind(buffer);
      let isAlive = true;
      buffer.destroy = () => {
        if (isAlive) {
          bytes -= descriptor.size;
          uploaded -= weight;
        }
        isAlive = false;
        return destroy();
      };
      return buffer;
    };
    return device;
  };
  return true;
}
