import type { DeviceTensor } from '../ort/backend.ts';

/** Device tensors by role. A new one frees the last, and `release` frees them all. */
export class TensorScope {
  readonly #held = new Map<string, DeviceTensor>();

  /** Holds `tensor` as `role`, disposing what held that role before. */
  replace(role: string, tensor: DeviceTensor): DeviceTensor {
    const previous = this.#held.get(role);
    if (previous !== tensor) previous?.dispose();
    this.#held.set(role, tensor);
    return tensor;
  }

  /** Gives up `role` without freeing it: somebody else holds the tensor now. */
  forget(role: string): void {
    this.#held.delete(role);
  }

  release(): void {
    for (const tensor of this.#held.values()) tensor.dispose();
    this.#held.clear();
  }
}
