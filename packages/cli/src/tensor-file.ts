import { bytesSink, writeSafetensors } from '@flux-srpo/formats';
import { writeOutput } from './output.ts';

/** Collects float32 tensors by name and writes them as one safetensors file. */
export class TensorFile {
  readonly #path: string;
  readonly #tensors = new Map<string, { shape: readonly number[]; data: Float32Array<ArrayBuffer> }>();

  constructor(path: string) {
    this.#path = path;
  }

  readonly add = (name: string, shape: readonly number[], data: Float32Array): void => {
    this.#tensors.set(name, { shape, data: data.slice() });
  };

  async write(): Promise<void> {
    const sink = bytesSink();
    const entries = [...this.#tensors].map(([name, { shape, data }]) => ({ name, dtype: 'F32' as const, shape, data }));
    await writeSafetensors(sink, entries, ({ data }) => new Uint8Array(data.buffer));
    await writeOutput(this.#path, sink.bytes());
  }
}
