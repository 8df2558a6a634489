import type { HostTensor } from './ort/backend.ts';

/** A float32 tensor in JavaScript's memory. */
export function hostTensor(dims: readonly number[], data: Float32Array): HostTensor {
  return { dtype: 'float32', dims, data };
}
