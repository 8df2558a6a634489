/** What the devices of one label took at most, each. */
export interface GpuPeak {
  /** All buffers. */
  bytes: number;
  /** The uploaded ones alone, at their own peak. */
  uploaded: number;
}

export type GpuPeaks = Record<string, GpuPeak>;

/**
 * Evaluated in a browser's realm: its devices tell what they take from here on, apart from the library's own ledger. It travels as text, hence one
 * function without named ones inside, which some compilers mark with helpers of theirs.
 *
 * @returns false where the realm is too young to have WebGPU
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
