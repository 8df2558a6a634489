import type { Tensor } from 'onnxruntime-common';
import { type DeviceTensor, DTYPE_BYTES, type Dtype, type HostTensor } from './backend.ts';
import type { OrtModule } from './memory.ts';

/** A tensor of a stage. */
export class StageTensor implements DeviceTensor {
  readonly dtype: Dtype;
  readonly dims: readonly number[];
  readonly bytes: number;
  readonly onDevice = true;
  #tensor: Tensor | undefined;
  readonly #onDispose: () => void;

  constructor(tensor: Tensor, onDispose: () => void) {
    this.dtype = tensor.type as Dtype;
    this.dims = tensor.dims;
    this.bytes = tensor.size * DTYPE_BYTES[this.dtype];
    this.#tensor = tensor;
    this.#onDispose = onDispose;
  }

  get tensor(): Tensor {
    if (this.#tensor === undefined) throw new Error(`a tensor [${this.dims}] was used after dispose()`);
    return this.#tensor;
  }

  dispose(): void {
    if (this.#tensor === undefined) return;
    this.#tensor = undefined;
    this.#onDispose();
  }
}

/** What the runtime is fed. */
export function toTensor(ort: OrtModule, feed: HostTensor | DeviceTensor): Tensor {
  if (feed instanceof StageTensor) return feed.tensor;
  const { dtype, data, dims } = feed as HostTensor;
  return new ort.Tensor(dtype, data, dims);
}
